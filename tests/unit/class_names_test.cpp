#include "nn/data/class_names.hpp"

#include <filesystem>
#include <string>
#include <vector>

#include "catch.hpp"
#include "temporary_folder.hpp"

using namespace nn;

TEST_CASE("class names are read, one a line") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "names.txt";
  const auto names = [&](const std::string& text, std::size_t classes) {
    test::write_file(path, text);
    return load_class_names(path, classes);
  };
  using Names = std::vector<std::string>;
  CHECK(names("T-shirt/top\nTrouser\n", 2) == Names{"T-shirt/top", "Trouser"});
  CHECK(names("\xef\xbb\xbf caf\xc3\xa9 \r\n\ttwo words\r\n\r\n", 0) == Names{"caf\xc3\xa9", "two words"});
  CHECK(names("a", 1) == Names{"a"});

  const auto refusal = [&](const std::string& text, std::size_t classes) {
    const std::string message = test::error_of([&] { names(text, classes); });
    CHECK(message.find('\n') == std::string::npos);
    return message.substr((path + ": ").size());
  };
  CHECK(refusal("a\nb\n", 10) == "2 names, expected 10, one for each class");
  CHECK(refusal("a\nb\n", 1) == "2 names, expected 1, one for each class");
  CHECK(refusal("", 0) == "0 names, expected one for each class");
  CHECK(refusal("a\n\nb\n", 2) == "line 2 is empty, expected the name of a class, each once, one a line");
  CHECK_THAT(refusal("a\nb\na\n", 3), test::contains("line 3 has a again, expected"));
  CHECK_THAT(refusal("a\n\x1b[2J\n", 2), test::contains("line 2 holds control characters, expected"));
  CHECK_THAT(refusal("a\nb\ncaf\xe9\n", 3), test::contains("line 3 is not UTF-8, expected"));
  std::string many;
  for (int i = 0; i < 257; ++i) many += std::to_string(i) + "\n";
  CHECK_THAT(refusal(many, 0), test::contains("more than 256 names, expected"));
  CHECK_THAT(test::error_of([&] { load_class_names(folder / "missing", 0); }),
             test::contains("no such file"));
  test::write_file(path, "");
  std::filesystem::resize_file(path, kLargestText + 1);
  CHECK_THAT(test::error_of([&] { load_class_names(path, 0); }),
             test::contains("16777217 bytes, expected at most 16777216"));
}
