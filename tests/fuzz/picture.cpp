// PNG and JPEG, from the file to what a network is shown.
#include <algorithm>

#include "fuzz.hpp"
#include "nn/data/network_picture.hpp"
#include "nn/data/picture_file.hpp"

using namespace nn;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kMaxPixels = 1 << 16;  // larger pictures are read, but take too long to prepare
  fuzz::succeeds([&] {
    const GreyPicture picture = read_picture(std::span(data, size), "picture");
    REQUIRE_THAT(picture.pixels.size() == picture.rows * picture.cols);
    if (picture.pixels.size() > kMaxPixels) return;
    using Kind = Preparation::Kind;
    for (const Preparation& preparation :
         {Preparation{Kind::digits, false, false}, Preparation{Kind::drawings, true, false},
          Preparation{Kind::pictures, false, true}}) {
      const NetworkPicture shown = prepare(picture, preparation, 28, 28);
      REQUIRE_THAT(shown.pixels.size() == 28 * 28);
      if (preparation.kind == Kind::pictures || shown.reject != RejectReason::none) continue;
      REQUIRE_THAT(*std::ranges::max_element(shown.pixels) > 0);  // what is accepted shows something
    }
  });
  return 0;
}
