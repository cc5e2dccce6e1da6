#include "cli/options.hpp"

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "catch.hpp"
#include "temporary_folder.hpp"

using namespace nn;

namespace {

// Parses with the options that `add` adds. Returns the message that is shown with exit status 2, "" for none.
std::string refusal(const std::function<void(cli::Options&)>& add, std::vector<std::string> arguments) {
  cli::Options options("program", "");
  add(options);
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
  try {
    options.app().parse(arguments);
  } catch (const CLI::ParseError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("numbers in a list") {
  std::vector<std::size_t> hidden{512, 64};
  const auto add = [&](cli::Options& options) { options.numbers("--hidden", hidden, "units", 3, 9); };
  CHECK(refusal(add, {}).empty());
  CHECK(hidden == std::vector<std::size_t>{512, 64});
  CHECK(refusal(add, {"--hidden", "9,1,07"}).empty());
  CHECK(hidden == std::vector<std::size_t>{9, 1, 7});
  CHECK(refusal(add, {"--hidden", "none"}).empty());
  CHECK(hidden.empty());
  for (const std::string bad : {"", "0", "5,", ",5", "5,,6", "x", "1.5", "-1", "10", "none,3", "1,1,1,1"}) {
    CHECK(refusal(add, {"--hidden", bad}) ==
          "--hidden: found '" + bad +
              "', expected none, or 1 to 3 whole numbers from 1 to 9 with commas between them");
  }
}

TEST_CASE("numbers and words out of range are refused, and change nothing") {
  std::size_t whole = 3;
  double rate = 0.25;
  std::string word = "relu";
  const auto add = [&](cli::Options& options) {
    options.number("--whole", whole, "", 1, 64);
    options.number("--rate", rate, "", 0, 0.99);
    options.word("--word", word, "", {"none", "relu"});
  };
  CHECK(refusal(add, {"--whole", "65"}) == "--whole: found '65', expected a whole number from 1 to 64");
  CHECK(refusal(add, {"--whole", "6x"}) == "--whole: found '6x', expected a whole number from 1 to 64");
  CHECK(refusal(add, {"--rate", "1"}) == "--rate: found '1', expected a number from 0 to 0.99");
  CHECK(refusal(add, {"--rate", "nan"}) == "--rate: found 'nan', expected a number from 0 to 0.99");
  CHECK(refusal(add, {"--word", "swish"}) == "--word: found 'swish', expected one of none, relu");
  CHECK((whole == 3 && rate == 0.25 && word == "relu"));
  CHECK(refusal(add, {"--whole", "64", "--rate", "5e-1", "--word", "none"}).empty());
  CHECK((whole == 64 && rate == 0.5 && word == "none"));
}

TEST_CASE("a path that is given is not empty, a log's may be") {
  std::string model = "model.bin", log = "log.txt", json_log;
  cli::Options options("program", "");
  options.path("--output", model, "model file to write");
  options.log("--log", log, "a row an epoch");
  options.log("--log-json", json_log, "a JSON object a line");

  const auto parse = [&](const std::vector<const char*>& arguments) {
    options.app().parse(static_cast<int>(arguments.size()), arguments.data());
  };
  CHECK_THROWS_WITH(parse({"program", "--output", ""}), "--output: found '', expected a path");
  parse({"program", "--log", "", "--log-json", "lines"});
  CHECK((model == "model.bin" && log.empty() && json_log == "lines"));
  CHECK_THAT(options.app().help(), test::contains("a row an epoch, '' for none"));
  CHECK_THAT(options.app().help(), test::contains("a JSON object a line [none]"));
}
