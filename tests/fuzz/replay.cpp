// A fuzz target without libFuzzer: runs it once for each file named, and for each in the folders named.
#include <algorithm>
#include <filesystem>
#include <iterator>
#include <vector>

#include "fuzz.hpp"
#include "nn/files/read_file.hpp"

int main(int argc, char** argv) {
  namespace fs = std::filesystem;
  std::vector<fs::path> files;
  for (int i = 1; i < argc; ++i) {
    if (fs::is_directory(argv[i])) {
      std::copy(fs::directory_iterator(argv[i]), fs::directory_iterator(), std::back_inserter(files));
    } else {
      files.emplace_back(argv[i]);
    }
  }
  std::ranges::sort(files);
  for (const fs::path& file : files) {
    std::fprintf(stderr, "%s\n", file.c_str());  // before the run, which may end the program
    const nn::Bytes bytes = nn::read_file(file);
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
  }
  std::printf("%zu inputs\n", files.size());
  return files.empty() ? 1 : 0;
}
