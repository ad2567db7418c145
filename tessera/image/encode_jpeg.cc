// JPEG through libjpeg-turbo. As in the reader, errors leave by longjmp, so between a setjmp and its jump only plain
// values live.

// jpeglib.h needs FILE and size_t before it.
// clang-format off
#include <cstddef>
#include <cstdio>
#include <jpeglib.h>
// clang-format on

#include <csetjmp>
#include <cstdlib>

#include "tessera/image/encode.h"

namespace tessera::image {
namespace {

struct JpegWriter {
  jpeg_compress_struct encoder{};
  jpeg_error_mgr errors{};
  std::jmp_buf failed;
  char message[JMSG_LENGTH_MAX] = "";
  unsigned char* output = nullptr;  // malloc'd by the library
  unsigned long size = 0;

  JpegWriter() = default;
  JpegWriter(const JpegWriter&) = delete;
  JpegWriter& operator=(const JpegWriter&) = delete;
  ~JpegWriter() {
    jpeg_destroy_compress(&encoder);
    std::free(output);
  }
};

[[noreturn]] void OnError(j_common_ptr encoder) {
  auto* writer = static_cast<JpegWriter*>(encoder->client_data);
  (*encoder->err->format_message)(encoder, writer->message);
  std::longjmp(writer->failed, 1);
}

void Compress(JpegWriter& w, const uint8_t* pixels, const ImageSize& size, int quality) {
  jpeg_create_compress(&w.encoder);
  jpeg_mem_dest(&w.encoder, &w.output, &w.size);
  w.encoder.image_width = static_cast<JDIMENSION>(size.width);
  w.encoder.image_height = static_cast<JDIMENSION>(size.height);
  w.encoder.input_components = 3;
  w.encoder.in_color_space = JCS_RGB;
  jpeg_set_defaults(&w.encoder);
  jpeg_set_quality(&w.encoder, quality, TRUE);
  w.encoder.optimize_coding = TRUE;  // a few percent smaller for one more walk
  jpeg_start_compress(&w.encoder, TRUE);
  while (w.encoder.next_scanline < w.encoder.image_height) {
    // The library takes rows that it may write to, and does not.
    auto* row = const_cast<JSAMPLE*>(pixels + static_cast<int64_t>(w.encoder.next_scanline) * size.width * 3);
    jpeg_write_scanlines(&w.encoder, &row, 1);
  }
  jpeg_finish_compress(&w.encoder);
}

}  // namespace

std::string EncodeJpeg(const Tensor& picture, int quality) {
  const ImageSize size = SizeOf(picture, "jpeg");
  Require(quality >= 1 && quality <= 100, "jpeg: a quality of {}; it runs from 1 to 100", quality);
  Require(size.height <= JPEG_MAX_DIMENSION && size.width <= JPEG_MAX_DIMENSION, "jpeg: {} x {} pixels; a side has {}",
          size.width, size.height, JPEG_MAX_DIMENSION);
  const Tensor opaque = OnWhite(picture);
  const uint8_t* pixels = opaque.data<uint8_t>().data();
  JpegWriter writer;
  writer.encoder.err = jpeg_std_error(&writer.errors);
  writer.errors.error_exit = OnError;
  writer.encoder.client_data = &writer;
  if (setjmp(writer.failed) != 0) Fail("jpeg: {}", static_cast<const char*>(writer.message));
  Compress(writer, pixels, size, quality);
  return {reinterpret_cast<const char*>(writer.output), writer.size};
}

}  // namespace tessera::image
