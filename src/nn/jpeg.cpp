#include "nn/data/jpeg.hpp"

#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <utility>
#include <vector>

#include <jerror.h>
#include <jpeglib.h>

#include "nn/core/error.hpp"

namespace nn {

namespace {

#define NN_TEXT(token) #token
#define NN_TEXT_OF(macro) NN_TEXT(macro)

constexpr int kMaxScans = 100;  // of a progressive file; encoders make about ten, each takes its time to read

// libjpeg reports an error by a call that must not return: it leaves by longjmp, past nothing but C.
struct JpegErrors : jpeg_error_mgr {
  std::jmp_buf leave;
  char message[JMSG_LENGTH_MAX] = "";
};

[[noreturn]] void leave_with_message(j_common_ptr info) {
  auto* const errors = static_cast<JpegErrors*>(info->err);
  errors->format_message(info, errors->message);
  std::longjmp(errors->leave, 1);
}

// Of the warnings, those that mean missing or wrong pixels are errors here; cameras cause the others.
void report(j_common_ptr info, int level) {
  const int code = info->err->msg_code;
  if (level < 0 && (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER || code == JWRN_HUFF_BAD_CODE)) {
    leave_with_message(info);
  }
}

struct Scans : jpeg_progress_mgr {
  static void check(j_common_ptr info) {
    if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number <= kMaxScans) return;
    std::snprintf(static_cast<JpegErrors*>(info->err)->message, JMSG_LENGTH_MAX, "more than %d scans",
                  kMaxScans);
    std::longjmp(static_cast<JpegErrors*>(info->err)->leave, 1);
  }
};

// 1 .. 8, as EXIF's tag 0x0112 counts; 1, upright, for anything that is not such a tag.
int exif_orientation(std::span<const std::uint8_t> exif) {
  constexpr std::size_t kHeader = 6, kEntry = 12;
  if (exif.size() < kHeader + 8 || std::memcmp(exif.data(), "Exif\0\0", kHeader) != 0) return 1;
  const std::span<const std::uint8_t> tiff = exif.subspan(kHeader);
  const bool little = tiff[0] == 'I';
  const auto number = [&](std::size_t at, std::size_t bytes) {  // 0 beyond the end
    std::size_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) {
      const std::size_t place = at + (little ? bytes - 1 - i : i);
      value = value << 8 | (place < tiff.size() ? tiff[place] : 0u);
    }
    return value;
  };
  const std::size_t directory = number(4, 4);
  for (std::size_t i = 0; i < number(directory, 2); ++i) {
    const std::size_t entry = directory + 2 + kEntry * i;
    if (entry + kEntry > tiff.size()) break;
    if (number(entry, 2) != 0x0112 || number(entry + 2, 2) != 3) continue;  // a 16-bit number
    const std::size_t orientation = number(entry + 8, 2);
    return orientation >= 1 && orientation <= 8 ? static_cast<int>(orientation) : 1;
  }
  return 1;
}

GreyPicture turned_upright(GreyPicture picture, int orientation) {
  if (orientation == 1) return picture;
  const bool swaps = orientation >= 5;
  GreyPicture upright{swaps ? picture.cols : picture.rows, swaps ? picture.rows : picture.cols,
                      std::vector<std::uint8_t>(picture.pixels.size())};
  const bool from_below = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  const bool from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  // Of each upright pixel, where the camera stored it: 5 to 8 swap rows and columns first.
  for (std::size_t row = 0; row < upright.rows; ++row) {
    for (std::size_t col = 0; col < upright.cols; ++col) {
      std::size_t r = swaps ? col : row, c = swaps ? row : col;
      if (from_below) r = picture.rows - 1 - r;
      if (from_right) c = picture.cols - 1 - c;
      upright.pixels[row * upright.cols + col] = picture.pixels[r * picture.cols + c];
    }
  }
  return upright;
}

// A decoded row, `channels` bytes a pixel, as grey: luma as of a PNG (png.hpp).
void to_grey(std::span<const std::uint8_t> row, std::size_t channels, bool inverted_cmyk,
             std::uint8_t* grey) {
  for (std::size_t i = 0; i < row.size(); i += channels) {
    if (channels == 1) {
      *grey++ = row[i];
      continue;
    }
    std::uint8_t rgba[4] = {row[i], row[i + 1], row[i + 2], 255};
    if (channels == 4) {  // Adobe stores how much of each ink is missing
      const auto lightness = [&](std::size_t k) {
        return inverted_cmyk ? row[i + k] : static_cast<std::uint8_t>(255 - row[i + k]);
      };
      for (std::size_t k = 0; k < 3; ++k) {
        rgba[k] = static_cast<std::uint8_t>((lightness(k) * lightness(3) + 127) / 255);
      }
    }
    *grey++ = detail::grey_over_white(rgba);
  }
}

class JpegReader {
 public:
  JpegReader() {
    jpeg_.err = jpeg_std_error(&errors_);
    errors_.error_exit = leave_with_message;
    errors_.emit_message = report;
    errors_.output_message = [](j_common_ptr) {};
    scans_.progress_monitor = Scans::check;
  }
  ~JpegReader() { jpeg_destroy_decompress(&jpeg_); }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;

  // What is wrong with the file, "" if nothing. No object that needs a destructor is on this stack frame:
  // longjmp would pass over it.
  const char* read(std::span<const std::uint8_t> file) {
    if (setjmp(errors_.leave) != 0) return errors_.message;
    jpeg_CreateDecompress(&jpeg_, JPEG_LIB_VERSION, sizeof jpeg_);
    jpeg_.progress = &scans_;
    jpeg_mem_src(&jpeg_, file.data(), static_cast<unsigned long>(file.size()));
    jpeg_save_markers(&jpeg_, JPEG_APP0 + 1, 0xffff);
    jpeg_read_header(&jpeg_, TRUE);
    picture.rows = jpeg_.image_height, picture.cols = jpeg_.image_width;
    const std::size_t pixels = picture.rows * picture.cols;
    if (pixels > kMaxPicturePixels) return "more than 2^26 pixels";
    if (pixels / 512 > file.size()) return "too short for its pixels";  // a block of 8x8 takes at least a bit
    for (auto* marker = jpeg_.marker_list; marker != nullptr; marker = marker->next) {
      const int found = exif_orientation({marker->data, marker->data_length});
      if (found != 1) orientation = found;
    }
    const bool is_grey = jpeg_.jpeg_color_space == JCS_GRAYSCALE;
    const bool is_cmyk = jpeg_.jpeg_color_space == JCS_CMYK || jpeg_.jpeg_color_space == JCS_YCCK;
    jpeg_.out_color_space = is_grey ? JCS_GRAYSCALE : is_cmyk ? JCS_CMYK : JCS_RGB;
    jpeg_start_decompress(&jpeg_);
    const auto channels = static_cast<std::size_t>(jpeg_.output_components);
    row_.resize(picture.cols * channels);
    picture.pixels.resize(pixels);
    while (jpeg_.output_scanline < jpeg_.output_height) {
      std::uint8_t* const grey = &picture.pixels[jpeg_.output_scanline * picture.cols];
      JSAMPROW row = row_.data();
      jpeg_read_scanlines(&jpeg_, &row, 1);
      to_grey(row_, channels, jpeg_.saw_Adobe_marker != 0, grey);
    }
    jpeg_finish_decompress(&jpeg_);
    return "";
  }

  GreyPicture picture;
  int orientation = 1;

 private:
  jpeg_decompress_struct jpeg_{};
  JpegErrors errors_;
  Scans scans_{};
  std::vector<std::uint8_t> row_;
};

}  // namespace

GreyPicture read_jpeg(std::span<const std::uint8_t> file, const std::string& source) {
  if (!is_jpeg(file)) throw Error(source, "has no JPEG signature, expected a JPEG picture");
  JpegReader reader;
  if (const std::string wrong = reader.read(file); !wrong.empty()) {
    throw Error(source, "cannot be read (" + wrong + "), expected a JPEG picture of at most 2^26 pixels");
  }
  return turned_upright(std::move(reader.picture), reader.orientation);
}

std::string jpeg_version() {
#if defined(LIBJPEG_TURBO_VERSION)
  constexpr const char* kVersion = "libjpeg-turbo " NN_TEXT_OF(LIBJPEG_TURBO_VERSION);
#else
  constexpr const char* kVersion = "libjpeg " NN_TEXT_OF(JPEG_LIB_VERSION);
#endif
  return kVersion;
}

}  // namespace nn
