// The processes that mpirun has started, as a command line sees them: rank 0 speaks and writes for all.
#pragma once

#include <cstddef>
#include <string>

#include "nn/training/processes.hpp"

namespace nn::cli {

// Whether mpirun, or what else starts MPI's processes, has started this one.
bool started_by_mpirun();
// Of them, those on this machine; 1 without mpirun.
std::size_t processes_here();

// Those that mpirun has started, or this one alone. Throws Error if this build cannot speak with the others.
Processes& processes();

// "Open MPI v4.1.4", or why there is none.
std::string mpi_version();

// With mpirun: every process says once, before training, what it is going to train: lines "name: value".
// Throws Error if one says something else than rank 0, and OtherFailed if one has failed and says so itself.
void meet(const std::string& facts);
struct OtherFailed {};

// complain(), but one line for all processes; if they have met, all end. Returns `status`.
int complain_once(const std::string& program, const std::string& message, int status);

}  // namespace nn::cli
