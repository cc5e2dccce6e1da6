#include "nn/training/logs.hpp"

#include <cmath>
#include <filesystem>
#include <vector>

#include <nlohmann/json.hpp>

#include "catch.hpp"
#include "temporary_folder.hpp"

using namespace nn;

TEST_CASE("the log: one schema, a whole file after every save") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "logs/loss.txt",
                    header = "# epoch,loss,seconds,val_loss,val_accuracy,test_accuracy,learning_rate\n";
  save_loss_log(path, {});
  CHECK(!std::filesystem::exists(path));
  std::vector<EpochReport> rows{{.epoch = 1, .loss = 0.804809, .seconds = 0.25, .learning_rate = 0.01}};
  save_loss_log(path, rows);
  CHECK(test::file_bytes(path) == header + "1,0.804809,0.250000,nan,nan,nan,0.01\n");
  rows.push_back({.epoch = 2,
                  .loss = 0.5,
                  .seconds = 0.125,
                  .validation_loss = 0.6,
                  .validation_accuracy = 0.9,
                  .test_accuracy = 0.8,
                  .learning_rate = 0.005});
  save_loss_log(path, rows);
  CHECK(test::file_bytes(path) == header + "1,0.804809,0.250000,nan,nan,nan,0.01\n" +
                                      "2,0.500000,0.125000,0.600000,0.900000,0.800000,0.005\n");
}

TEST_CASE("the log for machines: a JSON object a line, null for what was not measured") {
  const test::TemporaryFolder folder;
  JsonLog log(folder / "logs/run.jsonl");
  log.add("batch",
          to_json(BatchReport{.epoch = 1, .batch = 5, .images_done = 320, .images = 640, .loss = 1.5}));
  const EpochReport report{.epoch = 1, .loss = 0.1, .seconds = 0.25, .test_accuracy = 0.9};
  log.add("epoch", to_json(report));
  log.save();
  CHECK(test::file_bytes(folder / "logs/run.jsonl") ==
        R"({"event":"batch","epoch":1,"batch":5,"images":320,"loss":1.5,"seconds":0.0,"learning_rate":0.0})"
        "\n"
        R"({"event":"epoch","epoch":1,"loss":0.1,"seconds":0.25,"val_loss":null,"val_accuracy":null,)"
        R"("test_accuracy":0.9,"learning_rate":0.0})"
        "\n");

  const EpochReport again = epoch_report(nlohmann::json(to_json(report)));
  CHECK(again.loss == 0.1);
  CHECK(std::isnan(again.validation_loss));
  CHECK(again.test_accuracy == 0.9);

  JsonLog nowhere;
  nowhere.add("epoch", to_json(report));
  nowhere.save();
  CHECK(nowhere.text().empty());
}
