// IDX files of images and of labels, plain or .gz.
#include "nn/data/idx.hpp"

#include "fuzz.hpp"

using namespace nn;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::MemoryFile file({data, size});
  fuzz::succeeds([&] {
    const Images images = read_idx_images(file.path());
    REQUIRE_THAT(images.pixels().size() == images.count * images.image_size());
  });
  fuzz::succeeds([&] {
    const Labels labels = read_idx_labels(file.path());
    REQUIRE_THAT(labels.labels().size() <= kGzipRatio * size);
  });
  return 0;
}
