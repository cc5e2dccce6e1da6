// How many cores this process may use: its affinity mask and its control group's quota both count.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <fstream>
#include <string>
#include <thread>

#ifdef __linux__
#include <sched.h>
#endif

namespace nn {

namespace detail {
// cgroup v2's "cpu.max" holds "<quota> <period>" or "max <period>", in microseconds. 0: no limit.
inline std::size_t cpus_from_quota(const std::string& cpu_max_path) {
  std::ifstream file(cpu_max_path);
  double quota = 0, period = 0;
  if (!(file >> quota >> period) || quota <= 0 || period <= 0) return 0;
  return std::max<std::size_t>(1, static_cast<std::size_t>(std::ceil(quota / period)));
}

// The strictest quota on the way from this process's own group up to the root. 0: none.
inline std::size_t cgroup_cpus() {
  std::ifstream groups("/proc/self/cgroup");
  std::size_t strictest = 0;
  for (std::string line; std::getline(groups, line);) {
    if (line.rfind("0::", 0) != 0) continue;  // v2's only line
    for (std::string group = line.substr(3);; group.erase(group.rfind('/'))) {
      const std::size_t cpus = cpus_from_quota("/sys/fs/cgroup" + group + "/cpu.max");
      if (cpus != 0 && (strictest == 0 || cpus < strictest)) strictest = cpus;
      if (group.empty() || group.rfind('/') == std::string::npos) break;
    }
  }
  return strictest;
}
}  // namespace detail

// At least 1.
inline std::size_t available_cpus() {
  std::size_t cpus = std::max(1u, std::thread::hardware_concurrency());
#ifdef __linux__
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) {
    cpus = static_cast<std::size_t>(std::max(1, CPU_COUNT(&allowed)));
  }
  if (const std::size_t quota = detail::cgroup_cpus(); quota != 0) cpus = std::min(cpus, quota);
#endif
  return cpus;
}

}  // namespace nn
