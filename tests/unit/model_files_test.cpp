// The golden files in tests/golden are read here and by tests/python: one format, two readers. A golden file
// is what save_model() writes of the network below that has its name.
#include "nn/models/model_files.hpp"

#include <limits>

#include "catch.hpp"
#include "temporary_folder.hpp"

using namespace nn;
using nn::test::contains;

namespace {

const std::string golden = NN_SOURCE_DIR "/tests/golden/";

// Small networks whose every parameter is k / 64 for k = -31, -30, ...: exact in float, float64 and text.
template <class M, class Shape>
M counted_up(const Shape& shape) {
  SimpleRng rng(1);
  M model(shape, rng);
  int k = -31;
  for (Tensor* t : model.tensors()) {
    for (float& v : t->value) v = static_cast<float>(k++ % 32) / 64.0f;
  }
  return model;
}
Mlp small_mlp() {
  return counted_up<Mlp>(Mlp::input(9).dense(4).relu().dense(3));
}
Cnn small_cnn() {
  return counted_up<Cnn>(CnnShape{.height = 6, .width = 4, .filters = 2, .kernel = 3, .classes = 3});
}
AttentionPool small_attention() {
  return counted_up<AttentionPool>(
      AttentionShape{.height = 4, .width = 4, .patch = 2, .d_model = 4, .ff = 6, .classes = 3});
}

// What a .bin cannot say.
Mlp deep_mlp() {
  return counted_up<Mlp>(Mlp::input(9)
                             .dense(5)
                             .gelu()
                             .dropout(0.25)
                             .dense(4)
                             .tanh()
                             .dense(4)
                             .sigmoid()
                             .dense(3)
                             .leaky_relu()
                             .dense(3));
}
Cnn wide_cnn() {
  return counted_up<Cnn>(CnnShape{.height = 7, .width = 5, .filters = 3, .kernel = 5, .classes = 4});
}
AttentionPool attention_of_three_heads() {
  return counted_up<AttentionPool>(AttentionShape{.height = 4,
                                                  .width = 6,
                                                  .patch = 2,
                                                  .d_model = 6,
                                                  .ff = 5,
                                                  .heads = 3,
                                                  .classes = 3,
                                                  .position = Position::learned});
}

template <class M>
void check_same(AnyModel& read, M& model) {
  REQUIRE(std::holds_alternative<M>(read));
  M& same = std::get<M>(read);
  CHECK(same.shape().summary() == model.shape().summary());
  REQUIRE(same.tensors().size() == model.tensors().size());
  for (std::size_t i = 0; i < same.tensors().size(); ++i) {
    CHECK(same.tensors()[i]->name == model.tensors()[i]->name);
    CHECK(same.tensors()[i]->shape == model.tensors()[i]->shape);
    CHECK(same.tensors()[i]->value == model.tensors()[i]->value);
  }
}

template <class M>
void check_golden(M model, const std::string& name) {
  const test::TemporaryFolder folder;
  const std::size_t bytes = save_model(model, folder / name);
  const std::string written = test::file_bytes(folder / name);
  CHECK(bytes == written.size());
  REQUIRE(written == test::file_bytes(golden + name));
  AnyModel read = load_model(golden + name);
  check_same(read, model);
}

}  // namespace

TEST_CASE("the golden model files are written and read to the byte") {
  check_golden(small_mlp(), "mlp.bin");
  check_golden(small_cnn(), "cnn.bin");
  check_golden(small_attention(), "attention.bin");
  check_golden(deep_mlp(), "mlp.safetensors");
  check_golden(wide_cnn(), "cnn.safetensors");
  check_golden(attention_of_three_heads(), "attention.safetensors");
}

TEST_CASE("a model file is told by its content, keeps metadata, and may hold more than a model") {
  const test::TemporaryFolder folder;
  Mlp model = small_mlp();
  save_model(model, folder / "model.safetensors", {{"program", "mnist_mlp"}});
  CHECK(Safetensors(folder / "model.safetensors").metadata().at("program") == "mnist_mlp");
  SafetensorsWriter file;
  add_model(file, model);
  file.tensor("moment1.W1", {2}, Floats{1, 2});
  file.save(folder / "checkpoint.bin");
  AnyModel read = load_model(folder / "checkpoint.bin");
  check_same(read, model);
}

TEST_CASE("networks for large images are read again") {
  const test::TemporaryFolder folder;
  SimpleRng rng(1);
  Mlp model = Mlp::input(300 * 300).dense(2).relu().dense(3).build(rng);
  for (const char* name : {"model.bin", "model.safetensors"}) {
    save_model(model, folder / name);
    AnyModel read = load_model(folder / name);
    check_same(read, model);
  }
}

TEST_CASE("a network that a .bin cannot say is refused before anything is written") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "model.bin";
  const auto refusal = [&](auto model) { return test::error_of([&] { save_model(model, path); }); };
  const std::string expected = ", which a .bin cannot say, expected a path that ends in .safetensors";
  SimpleRng rng(1);
  CHECK(refusal(deep_mlp()) == path + ": the network has 4 hidden layers" + expected);
  CHECK(refusal(Mlp({9, 3}, rng)) == path + ": the network has 0 hidden layers" + expected);
  CHECK(refusal(Mlp::input(9).dense(4).tanh().dense(3).build(rng)) ==
        path + ": the network has the activation tanh" + expected);
  CHECK(refusal(attention_of_three_heads()) == path + ": the network has 3 heads" + expected);
  const AttentionShape wide{.height = 4, .width = 6, .patch = 2, .d_model = 4, .ff = 4};
  CHECK(refusal(AttentionPool(wide, rng)) == path + ": the network has images of 4 x 6 pixels" + expected);
  CHECK(!std::filesystem::exists(path));

  Mlp dropped = Mlp::input(9).dense(4).relu().dropout(0.5).dense(3).build(rng);
  const std::size_t bytes = save_model(dropped, path);
  CHECK(bytes == std::filesystem::file_size(path));
}

TEST_CASE("a bad .bin is refused") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "model.bin";
  const auto refusal = [&](const std::string& bytes) {
    test::write_file(path, bytes);
    const std::string message = test::error_of([&] { load_model(path); });
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
  CHECK_THAT(test::error_of([&] { load_model(folder / "none.bin"); }), contains("no such file"));
}

TEST_CASE("a bad .safetensors is refused") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "model.safetensors";
  const auto said = [&] { return test::error_of([&] { load_model(path); }); };
  const auto refusal = [&](auto change) {
    Mlp model = small_mlp();
    SafetensorsWriter file;
    change(file, model);
    file.save(path);
    return said();
  };
  CHECK(refusal([](SafetensorsWriter& file, Mlp& model) {
          file.tensor("W1", {9, 4}, model.tensors()[0]->value);
        }) == path + ": its metadata has no \"format\": \"nn.model\", expected a model");
  CHECK(refusal([](SafetensorsWriter& file, Mlp&) { file.metadata("format", "nn.model"); }) ==
        path + ": network is not JSON, expected a network's description");
  CHECK(refusal([](SafetensorsWriter& file, Mlp& model) {
          add_model(file, model);
          file.metadata("network", R"({"kind": "rnn"})");
        }) == path + ": network has kind \"rnn\", expected mlp, cnn or attention_pool");
  CHECK(refusal([](SafetensorsWriter& file, Mlp& model) {
          add_model(file, model);
          const auto huge = Mlp::input(65536).dense(65536).relu().dense(3);
          file.metadata("network", network_json(huge).dump());
        }) == path + ": 220 bytes of values, expected at least 17180917772 for its network");
  CHECK(refusal([](SafetensorsWriter& file, Mlp& model) {
          add_model(file, model);
          file.metadata("network", network_json(Mlp::input(9).dense(3).relu().dense(4)).dump());
        }) == path + ": tensor \"W1\" has shape (9, 4), expected (9, 3)");
  CHECK(refusal([](SafetensorsWriter& file, Mlp& model) {
          model.tensors()[3]->name = "b3";
          add_model(file, model);
        }) == path + ": has no tensor \"b2\" among its 4");
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    CHECK(refusal([&](SafetensorsWriter& file, Mlp& model) {
            model.tensors()[2]->value[5] = bad;
            add_model(file, model);
          }) == path + ": tensor \"W2\" holds a NaN or an infinite value, expected finite numbers");
  }
  const std::string whole = test::file_bytes(golden + "mlp.safetensors");
  test::write_file(path, whole.substr(0, whole.size() - 1));
  CHECK_THAT(said(), contains("bytes of data"));
  test::write_file(path, whole.substr(0, 20));
  CHECK_THAT(said(), contains("announces a header"));
}
