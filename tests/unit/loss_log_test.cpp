#include "nn/training/loss_log.hpp"

#include "catch.hpp"
#include "temporary_folder.hpp"

using namespace nn;

TEST_CASE("the log: one schema, a whole file after every save") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "logs/loss.txt",
                    header = "# epoch,loss,seconds,val_loss,val_accuracy,test_accuracy,learning_rate\n";
  LossLog log(path);
  CHECK(!std::filesystem::exists(path));
  log.add({.epoch = 1, .loss = 0.804809, .seconds = 0.25, .learning_rate = 0.01});
  log.save();
  CHECK(test::file_bytes(path) == header + "1,0.804809,0.250000,nan,nan,nan,0.01\n");
  log.add({.epoch = 2,
           .loss = 0.5,
           .seconds = 0.125,
           .validation_loss = 0.6,
           .validation_accuracy = 0.9,
           .test_accuracy = 0.8,
           .learning_rate = 0.005});
  log.save();
  CHECK(test::file_bytes(path) == header + "1,0.804809,0.250000,nan,nan,nan,0.01\n" +
                                      "2,0.500000,0.125000,0.600000,0.900000,0.800000,0.005\n");
  log.set_test_accuracy(2, 0.81);
  log.save();
  CHECK_THAT(test::file_bytes(path),
             Catch::Matchers::EndsWith("2,0.500000,0.125000,0.600000,0.900000,0.810000,0.005\n"));
}
