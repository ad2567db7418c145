// JPEG through libjpeg-turbo. Errors of the library leave by longjmp, so between a setjmp and its jump only plain
// values live; all that owns memory is a member of the reader.

// jpeglib.h needs FILE and size_t before it.
// clang-format off
#include <cstddef>
#include <cstdio>
#include <jpeglib.h>
#include <jerror.h>
// clang-format on

#include <algorithm>
#include <csetjmp>
#include <string>
#include <vector>

#include "tessera/image/codecs.h"
#include "tessera/image/orientation.h"

namespace tessera::image {
namespace {

// Encoders write about ten scans for a progressive picture. Each costs a walk over all coefficients, however few bytes
// it has, so a small file could ask for hours.
constexpr int kMaxScans = 100;

struct JpegReader {
  jpeg_decompress_struct decoder{};
  jpeg_error_mgr errors{};
  jpeg_progress_mgr progress{};
  std::jmp_buf failed;
  char message[JMSG_LENGTH_MAX] = "";
  std::vector<uint8_t> row;

  JpegReader();
  ~JpegReader() { jpeg_destroy_decompress(&decoder); }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;

  void ReadHeader(std::string_view bytes);
  ImageSize StoredSize() const;
  int Orientation() const;

  // Runs `step`, whose locals need no destructor. Throws Error with the library's message if it fails.
  template <typename Step>
  void Guarded(const Step& step) {
    if (setjmp(failed) != 0) Fail("jpeg: {}", static_cast<const char*>(message));
    step();
  }
};

[[noreturn]] void Leave(j_common_ptr decoder) {
  auto* reader = static_cast<JpegReader*>(decoder->client_data);
  std::longjmp(reader->failed, 1);
}

[[noreturn]] void OnError(j_common_ptr decoder) {
  (*decoder->err->format_message)(decoder, static_cast<JpegReader*>(decoder->client_data)->message);
  Leave(decoder);
}

// Damaged data are decoded as well as may be, but an early end is an error: the rest would be grey.
void OnMessage(j_common_ptr decoder, int level) {
  if (level >= 0 || decoder->err->msg_code != JWRN_JPEG_EOF) return;
  std::snprintf(static_cast<JpegReader*>(decoder->client_data)->message, JMSG_LENGTH_MAX, "the file ends early");
  Leave(decoder);
}

void OnProgress(j_common_ptr common) {
  const auto* decoder = reinterpret_cast<j_decompress_ptr>(common);
  if (decoder->input_scan_number <= kMaxScans) return;
  std::snprintf(static_cast<JpegReader*>(common->client_data)->message, JMSG_LENGTH_MAX,
                "more than %d scans; write the picture anew with fewer", kMaxScans);
  Leave(common);
}

JpegReader::JpegReader() {
  decoder.err = jpeg_std_error(&errors);
  errors.error_exit = OnError;
  errors.emit_message = OnMessage;
  decoder.client_data = this;
  progress.progress_monitor = OnProgress;
  Guarded([&] { jpeg_create_decompress(&decoder); });
  decoder.progress = &progress;
}

void JpegReader::ReadHeader(std::string_view bytes) {
  Guarded([&] {
    jpeg_mem_src(&decoder, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
    jpeg_save_markers(&decoder, JPEG_APP0 + 1, 0xffff);  // EXIF
    jpeg_read_header(&decoder, TRUE);
  });
}

ImageSize JpegReader::StoredSize() const {
  return {static_cast<int64_t>(decoder.image_height), static_cast<int64_t>(decoder.image_width)};
}

int JpegReader::Orientation() const {
  for (const auto* marker = decoder.marker_list; marker != nullptr; marker = marker->next)
    if (marker->marker == JPEG_APP0 + 1)
      return ExifOrientation({reinterpret_cast<const char*>(marker->data), marker->data_length});
  return 1;
}

// Four inks, stored inverted as Adobe's programs do, and as every file in the wild has them: c' = 255 - c.
// red = (255 - k) (255 - c) / 255, rounded.
void InksToRgb(const uint8_t* inks, int64_t width, uint8_t* rgb) {
  for (int64_t x = 0; x < width; ++x, inks += 4, rgb += 3) {
    for (int c = 0; c < 3; ++c) {
      const int ink = 255 - inks[c], light = inks[3], product = ink * light + 128;
      rgb[c] = static_cast<uint8_t>(std::clamp(light - ((product + (product >> 8)) >> 8), 0, 255));
    }
  }
}

}  // namespace

ImageHeader JpegHeader(std::string_view bytes) {
  JpegReader reader;
  reader.ReadHeader(bytes);
  const ImageSize size = reader.StoredSize();
  // Huffman codes take at least a bit for each block of 8 x 8.
  return {.size = TurnedSize(size, reader.Orientation()), .least_file_bytes = size.height * size.width / (64 * 8)};
}

Tensor DecodeJpeg(std::string_view bytes) {
  JpegReader reader;
  reader.ReadHeader(bytes);
  jpeg_decompress_struct& decoder = reader.decoder;
  Require(!decoder.arith_code, "jpeg: arithmetic coding is not supported; write the picture anew with Huffman codes");
  const bool inks = decoder.jpeg_color_space == JCS_CMYK || decoder.jpeg_color_space == JCS_YCCK;
  decoder.out_color_space = inks ? JCS_CMYK : JCS_RGB;
  const ImageSize size = reader.StoredSize();
  Tensor picture = Tensor::Empty({size.height, size.width, 3}, DType::kU8);
  uint8_t* data = picture.mutable_data<uint8_t>().data();
  if (inks) reader.row.resize(static_cast<size_t>(size.width) * 4);
  reader.Guarded([&] {
    jpeg_start_decompress(&decoder);
    while (decoder.output_scanline < decoder.output_height) {
      uint8_t* to = data + static_cast<int64_t>(decoder.output_scanline) * size.width * 3;
      JSAMPROW target = inks ? reader.row.data() : to;
      jpeg_read_scanlines(&decoder, &target, 1);
      if (inks) InksToRgb(reader.row.data(), size.width, to);
    }
  });
  return Turned(picture, reader.Orientation());
}

}  // namespace tessera::image
