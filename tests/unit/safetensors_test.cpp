// The kSmallFile file is the Python package's: it is read here, and written here to the same bytes.
#include "nn/files/safetensors.hpp"

#include <limits>

#include "catch.hpp"
#include "nn/core/tensor.hpp"
#include "temporary_folder.hpp"

using namespace nn;
using nn::test::contains;

namespace {

const std::string kSmallFile = NN_SOURCE_DIR "/tests/golden/small.safetensors";

std::string le64(std::uint64_t v) {
  return {reinterpret_cast<const char*>(&v), sizeof v};
}
std::string file_of(const std::string& json, std::size_t data_bytes) {
  return le64(json.size()) + json + std::string(data_bytes, '\0');
}
// `"name": {...}`, a float tensor.
std::string entry(const std::string& name, const std::string& shape, const std::string& offsets) {
  return '"' + name + R"(": {"dtype": "F32", "shape": )" + shape + R"(, "data_offsets": )" + offsets + "}";
}

}  // namespace

TEST_CASE("a file of the Python package is read") {
  // Made by save_file({"weights": arange(6, float32).reshape(2, 3) / 4 - 0.5, "scale": array(0.1),
  //   "labels": array([-1, 2**40, 7]), "steps": array([[2**64 - 1]], uint64),
  //   "order": array([3, 4_000_000_000], uint32), "pixels": array([0, 128, 255], uint8),
  //   "nothing": zeros((0, 5), float32)}, path, {"made by": "the Python package, é"})
  const Safetensors file(kSmallFile);
  CHECK(file.metadata() == std::map<std::string, std::string>{{"made by", "the Python package, é"}});
  CHECK(file.tensors().size() == 7);
  CHECK((file.has("weights") && !file.has("made by") && !file.has("__metadata__")));
  CHECK(file.dtype("weights") == "F32");
  CHECK(file.shape("weights") == std::vector<std::size_t>{2, 3});
  CHECK(file.shape("scale").empty());
  CHECK(file.values<float>("weights") == std::vector<float>{-0.5f, -0.25f, 0, 0.25f, 0.5f, 0.75f});
  CHECK(file.values<double>("scale") == std::vector<double>{0.1});
  CHECK(file.values<std::int64_t>("labels") == std::vector<std::int64_t>{-1, std::int64_t{1} << 40, 7});
  CHECK(file.values<std::uint64_t>("steps") == std::vector<std::uint64_t>{~std::uint64_t{0}});
  CHECK(file.values<std::uint32_t>("order") == std::vector<std::uint32_t>{3, 4'000'000'000});
  CHECK(file.values<std::uint8_t>("pixels") == std::vector<std::uint8_t>{0, 128, 255});
  CHECK(file.values<float>("nothing").empty());

  std::vector<float> weights(6), middle(2);
  file.read("weights", std::vector<std::size_t>{2, 3}, std::span(weights));
  CHECK(weights == file.values<float>("weights"));
  file.read_part("weights", 3, std::span(middle));
  CHECK(middle == std::vector<float>{0.25f, 0.5f});
}

TEST_CASE("a file is written as the Python package writes it") {
  const test::TemporaryFolder folder;
  const Safetensors file(kSmallFile);
  SafetensorsWriter writer;
  writer.metadata("made by", "to be replaced");
  writer.metadata("made by", "the Python package, é");
  writer.tensor("pixels", {3}, file.values<std::uint8_t>("pixels"));
  writer.tensor("nothing", {0, 5}, std::vector<float>());
  writer.tensor("steps", {1, 1}, file.values<std::uint64_t>("steps"));
  writer.tensor("weights", {2, 3}, file.values<float>("weights"));
  writer.tensor("labels", {3}, file.values<std::int64_t>("labels"));
  writer.tensor("order", {2}, file.values<std::uint32_t>("order"));
  writer.tensor("scale", {}, std::array{0.1});
  const std::size_t bytes = writer.save(folder / "file");
  CHECK(test::file_bytes(folder / "file") == test::file_bytes(kSmallFile));
  CHECK(bytes == test::file_bytes(kSmallFile).size());

  SafetensorsWriter().save(folder / "empty");
  CHECK(test::file_bytes(folder / "empty") == le64(8) + "{}      ");
  CHECK(Safetensors(folder / "empty").tensors().empty());

  SafetensorsWriter odd;
  odd.metadata("path", "\xff.bin");  // a file name that is not UTF-8
  odd.tensor("a \"name\"\n", {1}, std::array{1.0f});
  odd.save(folder / "odd");
  CHECK(Safetensors(folder / "odd").metadata().at("path") == "\xef\xbf\xbd.bin");
  CHECK(Safetensors(folder / "odd").values<float>("a \"name\"\n") == std::vector{1.0f});
}

TEST_CASE("a tensor that is not as expected is refused") {
  const Safetensors file(kSmallFile);
  std::vector<float> out(6);
  const std::vector<std::size_t> shape{2, 3}, transposed{3, 2}, flat{6};
  const auto said = [](auto action) { return test::error_of(action); };
  CHECK(said([&] { file.values<float>("bias"); }) == kSmallFile + ": has no tensor \"bias\" among its 7");
  CHECK(said([&] { file.read("bias", shape, std::span(out)); }) ==
        kSmallFile + ": has no tensor \"bias\" among its 7");
  CHECK(said([&] { file.values<float>("labels"); }) ==
        kSmallFile + ": tensor \"labels\" has dtype I64, expected F32");
  CHECK(said([&] { file.read_floats("labels", flat, std::span(out)); }) ==
        kSmallFile + ": tensor \"labels\" has dtype I64, expected F32 or F16");
  CHECK(said([&] { file.read("weights", transposed, std::span(out)); }) ==
        kSmallFile + ": tensor \"weights\" has shape (2, 3), expected (3, 2)");
  CHECK_THAT(said([&] { file.read("weights", flat, std::span(out)); }), contains("expected (6,)"));
  CHECK_THAT(said([&] { file.read("scale", flat, std::span(out)); }), contains("has shape (), expected"));
}

TEST_CASE("half-precision tensors are named when they are asked for") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "file";
  test::write_file(path, file_of(R"({"x": {"dtype": "BF16", "shape": [2, 2], "data_offsets": [0, 8]}})", 8));
  const Safetensors file(path);
  CHECK(file.dtype("x") == "BF16");
  CHECK(test::error_of([&] { file.values<float>("x"); }) ==
        path + ": tensor \"x\" has dtype BF16, expected F32");
}

TEST_CASE("a bad SafeTensors file is refused with what was found and expected") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "file";
  const auto refusal = [&](const std::string& bytes) {
    test::write_file(path, bytes);
    const std::string message = test::error_of([&] { Safetensors{path}; });
    CHECK_THAT(message, Catch::Matchers::StartsWith(path + ": ") && contains(", expected "));
    CHECK(message.find('\n') == std::string::npos);
    return message;
  };
  CHECK_THAT(test::error_of([&] { Safetensors{folder / "missing"}; }), contains("no such file"));
  CHECK_THAT(test::error_of([&] { Safetensors{folder.path()}; }), contains("not a regular file"));

  // The length of the header
  CHECK_THAT(refusal(""), contains("only 0 bytes long"));
  CHECK_THAT(refusal("1234567"), contains("only 7 bytes long"));
  CHECK_THAT(refusal(le64(3) + "{}"), contains("header of 3 bytes") && contains("at most 2"));
  CHECK_THAT(refusal(le64(~std::uint64_t{0}) + "{}"), contains("header of 18446744073709551615 bytes"));
  CHECK_THAT(refusal("\x89PNG\r\n\x1a\n and so on"), contains("announces a header of"));

  // Its JSON
  for (const char* json :
       {"", " {}", "[]", "{", "{}}", "{\"a\": }", "null", "{\"\xff\": 1}", "{\"a\": 1e999}"}) {
    CHECK_THAT(refusal(file_of(json, 0)), contains("expected a SafeTensors file"));
  }
  CHECK_THAT(refusal(file_of("{\"a\": }", 0)), contains("header is no JSON at byte 7"));
  CHECK_THAT(refusal(file_of("[]", 0)), contains("header is no JSON object"));
  CHECK_THAT(refusal(file_of(std::string(100'000, '['), 0)),
             contains("header is nested deeper than 8 levels"));
  CHECK_THAT(
      refusal(file_of("{" + entry("a", "[1]", "[0, 4]") + ", " + entry("a", "[1]", "[4, 8]") + "}", 8)),
      contains("header has \"a\" twice"));
  CHECK_THAT(refusal(file_of(R"({"a": {"dtype": "F32", "dtype": "F64"}})", 0)), contains("\"dtype\" twice"));
  const std::string deep = std::string(300'000, '[') + std::string(300'000, ']');
  CHECK_THAT(refusal(file_of(R"({"a": {"dtype": )" + deep + "}}", 0)),
             contains("header is nested deeper than 8 levels, expected a SafeTensors file"));
  CHECK_THAT(refusal(file_of(R"({"__metadata__": ["a"]})", 0)), contains("__metadata__ is not a map"));
  CHECK_THAT(refusal(file_of(R"({"__metadata__": "a"})", 0)), contains("__metadata__ is not a map"));
  CHECK_THAT(refusal(file_of(R"({"__metadata__": {"seed": 42}})", 0)), contains("__metadata__ is not a map"));

  // A tensor's description
  const auto tensor_refusal = [&](const std::string& description, std::size_t data_bytes) {
    const std::string message = refusal(file_of("{\"a\\nb\": " + description + "}", data_bytes));
    CHECK_THAT(message, contains(R"(tensor "a\nb" )"));
    return message;
  };
  CHECK_THAT(tensor_refusal("[1]", 0), contains("is no JSON object, expected one"));
  CHECK_THAT(tensor_refusal("{}", 0), contains("has dtype none"));
  CHECK_THAT(tensor_refusal(R"({"dtype": 32})", 0), contains("has dtype 32"));
  CHECK_THAT(tensor_refusal(R"({"dtype": "F33"})", 0), contains("has dtype \"F33\""));
  CHECK_THAT(tensor_refusal(R"({"dtype": "F32"})", 0), contains("has no valid shape"));
  for (const char* shape : {"4", "\"4\"", "[-1]", "[1.0]", "[1e99]", "[null]", "{\"0\": \"1\"}"}) {
    CHECK_THAT(
        tensor_refusal(R"({"dtype": "F32", "data_offsets": [0, 4], "shape": )" + std::string(shape) + "}", 4),
        contains("has no valid shape"));
  }
  CHECK_THAT(tensor_refusal(R"({"dtype": "F32", "shape": [1]})", 4), contains("has no valid data_offsets"));
  for (const char* offsets : {"[]", "[4]", "[0, 4, 4]", "[4, 0]", "[0, 5]", "[18446744073709551615, 4]"}) {
    const std::string description =
        R"({"dtype": "F32", "shape": [1], "data_offsets": )" + std::string(offsets) + "}";
    CHECK_THAT(tensor_refusal(description, 4), contains("begin and end in 4 bytes of data"));
  }
  const auto of_shape = [](const std::string& shape) {
    return R"({"dtype": "F32", "data_offsets": [0, 8], "shape": )" + shape + "}";
  };
  CHECK_THAT(tensor_refusal(of_shape("[3]"), 8),
             contains("of shape (3,) and dtype F32 has 8 bytes, expected 12"));
  CHECK_THAT(tensor_refusal(of_shape("[]"), 8),
             contains("of shape () and dtype F32 has 8 bytes, expected 4"));
  CHECK_THAT(tensor_refusal(of_shape("[4294967296, 4294967296, 2]"), 8), contains("expected far more"));

  // Where the tensors lie
  const auto two = [&](const std::string& a, const std::string& b, std::size_t data_bytes) {
    std::string header = "{";
    header.append(entry("a", "[2]", a)).append(", ").append(entry("b", "[2]", b)).append("}");
    return refusal(file_of(header, data_bytes));
  };
  CHECK_THAT(two("[0, 8]", "[4, 12]", 12), contains("\"b\" begins at byte 4 of the data, expected 8"));
  CHECK_THAT(two("[0, 8]", "[0, 8]", 8), contains("\"b\" begins at byte 0 of the data, expected 8"));
  CHECK_THAT(two("[12, 20]", "[0, 8]", 20), contains("\"a\" begins at byte 12 of the data, expected 8"));
  CHECK_THAT(two("[8, 16]", "[0, 8]", 20), contains("20 bytes of data, expected 16"));
  CHECK_THAT(refusal(file_of("{}", 1)), contains("1 bytes of data, expected 0"));

  // The kSmallFile file, cut anywhere
  const std::string whole = test::file_bytes(kSmallFile);
  for (std::size_t length = 0; length < whole.size(); ++length) refusal(whole.substr(0, length));
}

TEST_CASE("what is not a finite number is found") {
  std::vector<float> values{0, -1, std::numeric_limits<float>::max()};
  CHECK(finite(std::span<const float>(values)));
  values[1] = -std::numeric_limits<float>::infinity();
  CHECK_FALSE(finite(std::span<const float>(values)));
  values[1] = std::numeric_limits<float>::quiet_NaN();
  CHECK_FALSE(finite(std::span<const float>(values)));
}
