#include "cli/settings.hpp"

#include <CLI/CLI.hpp>
#include <array>
#include <filesystem>

#include <nlohmann/json.hpp>

#include "catch.hpp"
#include "cli/options.hpp"
#include "nn/files/atomic_file.hpp"
#include "temporary_folder.hpp"

using namespace nn;

namespace {

// A program with one option of each kind.
struct Program {
  cli::Options options{"program", ""};
  std::size_t epochs = 3;
  double lr = 0.01;
  std::string output = "model.bin", config, layers, hidden = "512";
  int kind = 0;
  bool transpose = false;
  std::uint64_t seed = 42;

  Program() {
    options.number("--epochs", epochs, "", 1, 100);
    options.number("--lr", lr, "", 1e-6, 1);
    options.path("--output", output, "");
    options.choice<int>("--kind", kind, "", {{"plain", 0}, {"other", 1}});
    options.flag("--transpose", transpose, "");
    options.seed(seed);
    options.path("--config", config, "");
    options.text("--hidden", hidden, "");
    options.text("--layers", layers, "");
    options.exclude("--layers", "--hidden");
  }
};

}  // namespace

TEST_CASE("settings go to JSON and back") {
  Program program;
  program.options.app().parse("--lr 1e-2 --kind other --transpose --seed 18446744073709551615");
  const cli::Settings settings = cli::settings_of(program.options);
  CHECK(settings.dump() == R"({"epochs":3,"lr":0.01,"output":"model.bin","kind":"other","transpose":true,)"
                           R"("seed":18446744073709551615,"hidden":"512"})");
  CHECK(cli::chosen_settings(program.options) == " --kind other --transpose --seed 18446744073709551615");
  Program again;
  again.options.app().parse("");
  cli::apply_settings(again.options, settings, "file.json");
  CHECK(cli::settings_of(again.options) == settings);
  CHECK(again.kind == 1);
  CHECK(again.transpose);
  CHECK(again.seed == 18446744073709551615u);
}

TEST_CASE("of options that exclude one another the one in force is a setting") {
  Program program;
  program.options.app().parse(2, std::array{"program", "--layers=dense 8, relu"}.data());
  const cli::Settings settings = cli::settings_of(program.options);
  CHECK(settings["layers"] == "dense 8, relu");
  CHECK(!settings.contains("hidden"));
  CHECK(cli::chosen_settings(program.options) == " --layers \"dense 8, relu\"");
  Program again;
  again.options.app().parse("");
  cli::apply_settings(again.options, settings, "file.json");
  CHECK((again.layers == "dense 8, relu" && cli::settings_of(again.options) == settings));
  Program other;
  other.options.app().parse("--hidden 64");
  cli::apply_settings(other.options, settings, "file.json");
  CHECK((other.layers.empty() && other.hidden == "64"));
  Program both;
  CHECK_THROWS_WITH(both.options.app().parse("--hidden 64 --layers relu"), test::contains("--layers"));
}

TEST_CASE("what was given wins over what is applied later") {
  Program program;
  program.options.app().parse("--epochs 7");
  cli::apply_settings(program.options, {{"epochs", 5}, {"lr", 0.5}}, "file.json");
  CHECK(program.epochs == 7);
  CHECK(program.lr == 0.5);
  cli::apply_settings(program.options, {{"lr", 0.25}}, "another.json");
  CHECK(program.lr == 0.5);
}

TEST_CASE("what is applied is checked even if it does not count") {
  Program program;
  program.options.app().parse("--epochs 7 --transpose");
  const auto apply = [&](const cli::Settings& settings) {
    return [&program, settings] { cli::apply_settings(program.options, settings, "file.json"); };
  };
  CHECK_THAT(test::error_of(apply({{"epochs", 0}})),
             test::contains("--epochs: found '0', expected a whole number"));
  CHECK_THAT(test::error_of(apply({{"transpose", "yes"}})), test::contains("transpose: found \"yes\""));
  Program good;
  good.options.app().parse("--epochs 7 --transpose");
  cli::apply_settings(good.options, {{"epochs", 5}, {"transpose", false}}, "file.json");
  CHECK(good.epochs == 7);
  CHECK(good.transpose);
  CHECK(cli::settings_of(good.options)["epochs"] == 7);
}

TEST_CASE("settings are JSON whatever bytes a path has") {
  Program program;
  const char* arguments[] = {"program", "--output", "\xff.bin"};
  program.options.app().parse(3, arguments);
  CHECK(program.output == "\xff.bin");
  CHECK(cli::settings_of(program.options)["output"].dump() == "\"\xef\xbf\xbd.bin\"");
}

TEST_CASE("wrong settings are refused") {
  const auto refuse = [](const cli::Settings& settings, const std::string& expected) {
    Program program;
    program.options.app().parse("");
    CHECK_THROWS_WITH(cli::apply_settings(program.options, settings, "file.json"),
                      test::contains("file.json: ") && test::contains(expected));
  };
  refuse({{"epoch", 5}},
         "found the setting \"epoch\", expected an option of program; the nearest is \"epochs\"");
  refuse({{"config", "x"}}, "found the setting \"config\"");
  refuse({{"epochs", 0}}, "--epochs: found '0', expected a whole number from 1 to 100");
  refuse({{"epochs", 2.5}}, "--epochs: found '2.5', expected a whole number from 1 to 100");
  refuse({{"epochs", nullptr}}, "epochs: found null");
  refuse({{"epochs", {1, 2}}}, "epochs: found [1,2]");
  refuse({{"epochs", true}}, "epochs: found true");
  refuse({{"transpose", 1}}, "transpose: found 1, expected true or false");
  refuse({{"kind", "strange"}}, "--kind: found 'strange', expected one of plain, other");
  refuse({{"output", std::string("a\0b", 3)}}, "output: found \"a\\u0000b\", expected a number or a word");
  const std::string start(57, 'x'), shorter(55, 'x');
  refuse({{std::string(1'000'000, 'x'), 1}}, "found the setting \"" + start + "...\", expected");
  refuse({{"epochs", {std::string(1000, 'x')}}}, "epochs: found [\"" + shorter + "..., expected");
}

TEST_CASE("files that are no settings are refused") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "c.json";
  CHECK_THROWS_WITH(cli::read_settings(path), test::contains("c.json: no such file"));
  write_atomically(path, "[1]");
  CHECK_THROWS_WITH(cli::read_settings(path), test::contains("holds array, expected an object"));
  write_atomically(path, "{\"a\": }");
  CHECK_THROWS_WITH(cli::read_settings(path), test::contains("is no JSON at byte 7"));
  write_atomically(path, R"({"lr": 1e400})");
  CHECK_THROWS_WITH(cli::read_settings(path), test::contains("c.json: holds a number that is too large"));
  write_atomically(path, R"({"lr": 1, "epochs": 2, "lr": 1})");
  CHECK_THROWS_WITH(cli::read_settings(path), test::contains("c.json: has \"lr\" twice"));
  write_atomically(path, "{\"lr\": " + std::string(100'000, '['));
  CHECK_THROWS_WITH(cli::read_settings(path), test::contains("c.json: is nested deeper than 64 levels"));
  std::filesystem::resize_file(path, kLargestText + 1);
  CHECK_THROWS_WITH(cli::read_settings(path), test::contains("16777217 bytes, expected at most 16777216"));
}

TEST_CASE("the nearest name") {
  CHECK(cli::edit_distance("kitten", "sitting") == 3);
  CHECK(cli::edit_distance("", "abc") == 3);
  CHECK(cli::edit_distance("lr", "lr") == 0);
  CHECK(cli::nearest("bacth-size", {"lr", "batch-size", "epochs"}) == "batch-size");
}
