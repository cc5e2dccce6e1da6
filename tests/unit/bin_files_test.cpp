// The golden files in tests/golden are read here and by tests/python: one format, two readers.
#include "nn/models/bin_files.hpp"

#include "catch.hpp"
#include "gradient_check.hpp"
#include "temporary_folder.hpp"

using namespace nn;
using nn::test::contains;

namespace {

const std::string golden = NN_SOURCE_DIR "/tests/golden/";

// Small networks whose every parameter is k / 64 for k = -31, -30, ...: exact in float, float64 and text.
void count_up(const std::vector<Tensor*>& tensors) {
  int k = -31;
  for (Tensor* t : tensors) {
    for (float& v : t->value) v = static_cast<float>(k++ % 32) / 64.0f;
  }
}
Mlp golden_mlp() {
  SimpleRng rng(1);
  Mlp model({9, 4, 3}, rng);
  count_up(model.tensors());
  return model;
}
Cnn golden_cnn() {
  SimpleRng rng(1);
  Cnn model({.height = 6, .width = 4, .filters = 2, .kernel = 3, .classes = 3}, rng);
  count_up(model.tensors());
  return model;
}
AttentionPool golden_attention() {
  SimpleRng rng(1);
  AttentionPool model({.height = 4, .width = 4, .patch = 2, .d_model = 4, .ff = 6, .classes = 3}, rng);
  count_up(model.tensors());
  return model;
}

template <class M>
void check_golden(M model, const std::string& name) {
  const test::TemporaryFolder folder;
  const std::size_t bytes = save_bin(model, folder / name);
  const std::string written = test::file_bytes(folder / name);
  CHECK(bytes == written.size());
  REQUIRE(written == test::file_bytes(golden + name));

  AnyModel read = load_bin(golden + name);
  REQUIRE(std::holds_alternative<M>(read));
  M& same = std::get<M>(read);
  REQUIRE(same.tensors().size() == model.tensors().size());
  for (std::size_t i = 0; i < same.tensors().size(); ++i) {
    CHECK(same.tensors()[i]->shape == model.tensors()[i]->shape);
    CHECK(same.tensors()[i]->value == model.tensors()[i]->value);
  }
}

}  // namespace

TEST_CASE("the golden model files are written and read to the byte") {
  check_golden(golden_mlp(), "mlp.bin");
  check_golden(golden_cnn(), "cnn.bin");
  check_golden(golden_attention(), "attention.bin");
}

TEST_CASE("a bad model file is refused") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "model.bin";
  const auto refusal = [&](const std::string& bytes) {
    test::write_file(path, bytes);
    const std::string message = test::error_of([&] { load_bin(path); });
    CHECK_THAT(message, Catch::Matchers::StartsWith(path + ": "));
    return message;
  };
  for (const char* name : {"mlp.bin", "cnn.bin", "attention.bin"}) {
    const std::string whole = test::file_bytes(golden + name);
    CHECK_THAT(refusal(whole.substr(0, whole.size() - 1)), contains("not a model file, or cut short"));
    CHECK_THAT(refusal(whole + '\0'), contains("not a model file, or cut short"));
    CHECK_THAT(refusal(whole.substr(0, 10)), contains("10 bytes"));
    std::string negative = whole;
    negative[3] = '\xff';
    CHECK_THAT(refusal(negative), contains("not a model file"));
    std::string nan = whole;
    nan.replace(nan.size() - 8, 8, std::string("\0\0\0\0\0\0\xf8\x7f", 8));
    CHECK_THAT(refusal(nan), contains("nan") && contains("expected a finite number"));
  }
  CHECK_THAT(refusal(""), contains("0 bytes"));
  CHECK_THAT(test::error_of([&] { load_bin(folder / "none.bin"); }), contains("no such file"));
}
