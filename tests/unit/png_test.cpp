#include "nn/data/png.hpp"

#include <libdeflate.h>

#include <filesystem>
#include <string>
#include <vector>

#include "catch.hpp"
#include "nn/core/rng.hpp"
#include "nn/data/picture_file.hpp"
#include "temporary_folder.hpp"

using namespace nn;
using nn::test::contains;
using Bytes8 = std::vector<std::uint8_t>;

namespace {

// A PNG of any kind, made with libpng's full interface. `rows` holds the packed rows.
std::string png_of(int bit_depth, int color_type, png_uint_32 cols, const std::vector<Bytes8>& rows,
                   const std::vector<png_color>& palette = {}, const Bytes8& palette_alpha = {},
                   int interlace = PNG_INTERLACE_NONE) {
  std::string bytes;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(
      png, &bytes,
      [](png_structp self, png_bytep data, png_size_t size) {
        static_cast<std::string*>(png_get_io_ptr(self))->append(data, data + size);
      },
      nullptr);
  png_set_IHDR(png, info, cols, static_cast<png_uint_32>(rows.size()), bit_depth, color_type, interlace,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  if (!palette.empty()) png_set_PLTE(png, info, palette.data(), static_cast<int>(palette.size()));
  if (!palette_alpha.empty()) {
    png_set_tRNS(png, info, palette_alpha.data(), static_cast<int>(palette_alpha.size()), nullptr);
  }
  std::vector<png_bytep> pointers;
  for (const Bytes8& row : rows) pointers.push_back(const_cast<png_bytep>(row.data()));
  png_set_rows(png, info, pointers.data());
  png_write_png(png, info, PNG_TRANSFORM_IDENTITY, nullptr);
  png_destroy_write_struct(&png, &info);
  return bytes;
}

GreyPicture read_back(const std::string& bytes) {
  const test::TemporaryFolder folder;
  test::write_file(folder / "picture.png", bytes);
  return read_picture(folder / "picture.png");
}

}  // namespace

TEST_CASE("a grey picture comes back from its PNG as it was") {
  const test::TemporaryFolder folder;
  SimpleRng rng(1);
  for (const auto& [rows, cols] : {std::pair<std::size_t, std::size_t>{1, 1}, {3, 17}, {300, 200}}) {
    GreyPicture picture{rows, cols, Bytes8(rows * cols)};
    for (std::uint8_t& p : picture.pixels) p = static_cast<std::uint8_t>(rng.below(256));
    write_png(folder / "new_folder/picture.png", picture);
    const GreyPicture read = read_picture(folder / "new_folder/picture.png");
    CHECK((read.rows == rows && read.cols == cols));
    CHECK(read.pixels == picture.pixels);
  }
  const auto files = std::filesystem::directory_iterator(folder / "new_folder");
  CHECK(std::distance(begin(files), end(files)) == 1);  // nothing temporary is left
  CHECK_THAT(test::error_of([&] { write_png(folder.path(), {1, 1, {0}}); }), contains("is a folder"));
}

TEST_CASE("every kind of PNG is read as grey over white paper") {
  SECTION("grey of 1, 2, 4, 8 and 16 bits") {
    CHECK(read_back(png_of(1, PNG_COLOR_TYPE_GRAY, 10, {{0b10110001, 0b01000000}})).pixels ==
          Bytes8{255, 0, 255, 255, 0, 0, 0, 255, 0, 255});
    CHECK(read_back(png_of(2, PNG_COLOR_TYPE_GRAY, 4, {{0b00011011}})).pixels == Bytes8{0, 85, 170, 255});
    CHECK(read_back(png_of(4, PNG_COLOR_TYPE_GRAY, 2, {{0x3c}})).pixels == Bytes8{0x33, 0xcc});
    CHECK(read_back(png_of(8, PNG_COLOR_TYPE_GRAY, 3, {{0, 100, 255}})).pixels == Bytes8{0, 100, 255});
    CHECK(read_back(png_of(16, PNG_COLOR_TYPE_GRAY, 3, {{0, 0, 100, 100, 255, 255}})).pixels ==
          Bytes8{0, 100, 255});
  }
  SECTION("colour, as luma") {  // .299 of red, .587 of green, .114 of blue
    const Bytes8 row{255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255, 40, 40, 40};
    const Bytes8 luma{76, 150, 29, 255, 40};
    CHECK(read_back(png_of(8, PNG_COLOR_TYPE_RGB, 5, {row})).pixels == luma);
    Bytes8 wide;
    for (const std::uint8_t byte : row) wide.insert(wide.end(), {byte, byte});
    CHECK(read_back(png_of(16, PNG_COLOR_TYPE_RGB, 5, {wide})).pixels == luma);
  }
  SECTION("transparency shows white") {
    CHECK(read_back(png_of(8, PNG_COLOR_TYPE_GRAY_ALPHA, 3, {{0, 0, 0, 255, 0, 51}})).pixels ==
          Bytes8{255, 0, 204});
    CHECK(read_back(png_of(8, PNG_COLOR_TYPE_RGB_ALPHA, 2, {{255, 0, 0, 255, 9, 9, 9, 0}})).pixels ==
          Bytes8{76, 255});
  }
  SECTION("a palette, with and without transparency") {
    const std::vector<png_color> palette{{255, 255, 255}, {0, 0, 0}, {0, 255, 0}};
    CHECK(read_back(png_of(2, PNG_COLOR_TYPE_PALETTE, 3, {{0b00011000}}, palette)).pixels ==
          Bytes8{255, 0, 150});
    CHECK(read_back(png_of(8, PNG_COLOR_TYPE_PALETTE, 3, {{0, 1, 2}}, palette, {255, 0, 255})).pixels ==
          Bytes8{255, 255, 150});
  }
  SECTION("interlaced") {
    std::vector<Bytes8> rows(9, Bytes8(11));
    Bytes8 pixels;
    for (std::size_t i = 0; i < 99; ++i)
      pixels.push_back(rows[i / 11][i % 11] = static_cast<std::uint8_t>(2 * i));
    CHECK(read_back(png_of(8, PNG_COLOR_TYPE_GRAY, 11, rows, {}, {}, PNG_INTERLACE_ADAM7)).pixels == pixels);
  }
}

TEST_CASE("a PNG is turned as its EXIF orientation says") {
  // A chunk with one 16-bit tag, the orientation, before the pixels of 2 rows and 3 columns.
  const auto turned = [](int orientation, bool little, const std::vector<Bytes8>& rows, int kind) {
    const std::string byte(1, static_cast<char>(orientation)), zero(1, '\0');
    const std::string tiff = little ? "II*" + zero + "\x08" + zero + zero + zero + "\1" + zero + "\x12\1\3" +
                                          zero + "\1" + zero + zero + zero + byte + zero + zero + zero
                                    : "MM" + zero + "*" + zero + zero + zero + "\x08" + zero + "\1\1\x12" +
                                          zero + "\3" + zero + zero + zero + "\1" + zero + byte + zero + zero;
    std::string chunk = zero + zero + zero + static_cast<char>(tiff.size()) + "eXIf" + tiff;
    const auto crc = libdeflate_crc32(0, &chunk[4], chunk.size() - 4);
    for (int shift = 24; shift >= 0; shift -= 8) chunk += static_cast<char>(crc >> shift);
    return read_back(png_of(8, kind, 3, rows).insert(8 + 25, chunk));  // behind the signature and IHDR
  };
  const std::vector<Bytes8> upright{{1, 2, 3}, {4, 5, 6}};
  // What a viewer shows of it, row by row (EXIF 2.32, 4.6.4 A).
  const std::vector<std::vector<Bytes8>> expected{
      {{1, 2, 3}, {4, 5, 6}},   {{3, 2, 1}, {6, 5, 4}},   {{6, 5, 4}, {3, 2, 1}},   {{4, 5, 6}, {1, 2, 3}},
      {{1, 4}, {2, 5}, {3, 6}}, {{4, 1}, {5, 2}, {6, 3}}, {{6, 3}, {5, 2}, {4, 1}}, {{3, 6}, {2, 5}, {1, 4}},
  };
  for (int orientation = 0; orientation <= 9; ++orientation) {
    const bool is_known = orientation >= 1 && orientation <= 8;
    const std::vector<Bytes8>& rows =
        is_known ? expected[static_cast<std::size_t>(orientation) - 1] : upright;
    Bytes8 pixels;
    for (const Bytes8& row : rows) pixels.insert(pixels.end(), row.begin(), row.end());
    for (const bool little : {true, false}) {
      const GreyPicture picture = turned(orientation, little, upright, PNG_COLOR_TYPE_GRAY);
      CHECK((picture.rows == rows.size() && picture.cols == rows[0].size()));
      CHECK(picture.pixels == pixels);
    }
  }
  const std::vector<Bytes8> colour{{0, 0, 0, 255, 255, 255, 40, 40, 40}};
  const GreyPicture picture = turned(8, true, colour, PNG_COLOR_TYPE_RGB);
  CHECK((picture.rows == 3 && picture.cols == 1 && picture.pixels == Bytes8{40, 255, 0}));
}

TEST_CASE("what is no PNG, damaged, cut short or too large is refused") {
  const auto refusal = [](const std::string& bytes) { return test::error_of([&] { read_back(bytes); }); };
  const std::string good =
      png_of(8, PNG_COLOR_TYPE_GRAY, 8, std::vector<Bytes8>(8, Bytes8{1, 2, 3, 4, 5, 6, 7, 8}));
  CHECK_THAT(refusal(""), contains("picture.png: has no signature of PNG or JPEG, expected a PNG or JPEG"));
  CHECK_THAT(refusal("GIF89a, or so"), contains("has no signature of PNG or JPEG"));
  for (std::size_t length = 8; length < good.size() - 16; ++length) {  // the last chunk, IEND, may be missing
    CHECK_THAT(refusal(good.substr(0, length)),
               contains("picture.png: ") && contains(", expected a PNG picture"));
  }
  std::string damaged = good;
  damaged[good.size() - 20] = static_cast<char>(damaged[good.size() - 20] ^ 0x55);
  CHECK_THAT(refusal(damaged), contains("expected a PNG picture"));

  const auto huge = [](int side) {  // such a picture's header, and hardly any pixels
    std::string bytes = png_of(8, PNG_COLOR_TYPE_GRAY, 1, {{0}});
    const std::string size{static_cast<char>(side >> 24), static_cast<char>(side >> 16),
                           static_cast<char>(side >> 8), static_cast<char>(side)};
    bytes.replace(16, 8, size + size);
    const auto crc = libdeflate_crc32(0, &bytes[12], 17);
    for (std::size_t i = 0; i < 4; ++i) bytes[29 + i] = static_cast<char>(crc >> (24 - 8 * i));
    return bytes;
  };
  CHECK_THAT(refusal(huge(100000)), contains("has 100000 x 100000 pixels, more than 2^26"));
  CHECK_THAT(refusal(huge(8000)), contains("is too short for the announced 8000 x 8000 pixels"));
  CHECK_THAT(test::error_of([] { read_picture("/no/such/picture.png"); }), contains("no such file"));
}

TEST_CASE("a PNG in memory is read like a file's") {
  const std::string bytes = png_of(8, PNG_COLOR_TYPE_GRAY, 3, {{0, 100, 255}, {7, 8, 9}});
  const auto read = [&](std::size_t size) {
    return read_png(std::span(reinterpret_cast<const std::uint8_t*>(bytes.data()), size), "standard input");
  };
  const GreyPicture picture = read(bytes.size());
  CHECK((picture.rows == 2 && picture.cols == 3 && picture.pixels == Bytes8{0, 100, 255, 7, 8, 9}));
  CHECK_THAT(test::error_of([&] { read(50); }), contains("standard input: ") && contains("expected a PNG"));
}

TEST_CASE("a contact sheet has a line around every image, and black where none is left") {
  const GreyPicture sheet = contact_sheet(Bytes8{1, 2, 3, 4, 5, 6}, 1, 2, 2);  // three images of 1 x 2
  const std::uint8_t l = 96;
  CHECK((sheet.rows == 5 && sheet.cols == 7));
  CHECK(sheet.pixels == Bytes8{l, l, l, l, l, l, l,  //
                               l, 1, 2, l, 3, 4, l,  //
                               l, l, l, l, l, l, l,  //
                               l, 5, 6, l, 0, 0, l,  //
                               l, l, l, l, l, l, l});
}
