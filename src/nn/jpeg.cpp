#include "nn/data/jpeg.hpp"

#include "nn/core/error.hpp"

#ifdef NN_WITHOUT_JPEG

namespace nn {

GreyPicture read_jpeg(std::span<const std::uint8_t>, const std::string& source) {
  throw Error(source, "is a JPEG, which this program was built without libjpeg to read, expected a PNG");
}

std::string jpeg_version() {
  return "no libjpeg";
}

}  // namespace nn

#else

#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <utility>
#include <vector>

#include <jerror.h>
#include <jpeglib.h>

#include "nn/data/exif.hpp"

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
      constexpr std::size_t kPrefix = 6;
      if (marker->data_length < kPrefix || std::memcmp(marker->data, "Exif\0\0", kPrefix) != 0) continue;
      const int found = exif_orientation({marker->data + kPrefix, marker->data_length - kPrefix});
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

#endif
