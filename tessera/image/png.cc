// PNG through libpng. Errors of libpng leave by longjmp, so between a setjmp and its jump only plain values live; all
// that owns memory is a member of the reader or writer.

#include <png.h>

#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "tessera/image/byte_view.h"
#include "tessera/image/codecs.h"
#include "tessera/image/encode.h"

namespace tessera::image {
namespace {

// Deflate gives at most 1,032 bytes for one (RFC 1951: a length of 258 in two bits).
constexpr double kMaxInflation = 1032;

// What libpng's callbacks reach, and where its errors jump to.
struct PngState {
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::jmp_buf failed;
  char message[160] = "";
  std::string_view input;  // still unread
  std::string output;

  // Runs `step`, whose locals need no destructor. Throws Error with libpng's message if it fails.
  template <typename Step>
  void Guarded(const Step& step) {
    if (setjmp(failed) != 0) Fail("png: {}", static_cast<const char*>(message));
    step();
  }
};

[[noreturn]] void OnError(png_structp png, png_const_charp message) {
  auto* state = static_cast<PngState*>(png_get_error_ptr(png));
  std::snprintf(state->message, sizeof(state->message), "%s", message);
  std::longjmp(state->failed, 1);
}

void OnWarning(png_structp, png_const_charp) {}

void OnRead(png_structp png, png_bytep to, size_t count) {
  auto* state = static_cast<PngState*>(png_get_io_ptr(png));
  if (count > state->input.size()) png_error(png, "the file ends early");
  std::memcpy(to, state->input.data(), count);
  state->input.remove_prefix(count);
}

void OnWrite(png_structp png, png_bytep from, size_t count) {
  auto* state = static_cast<PngState*>(png_get_io_ptr(png));
  state->output.append(reinterpret_cast<const char*>(from), count);
}

void OnFlush(png_structp) {}

struct PngReader : PngState {
  explicit PngReader(std::string_view bytes) {
    input = bytes;
    png = png_create_read_struct(PNG_LIBPNG_VER_STRING, static_cast<PngState*>(this), OnError, OnWarning);
    if (png != nullptr) info = png_create_info_struct(png);
    Require(info != nullptr, "png: no memory for the reader");
    png_set_read_fn(png, static_cast<PngState*>(this), OnRead);
  }
  ~PngReader() { png_destroy_read_struct(&png, &info, nullptr); }
};

struct PngWriter : PngState {
  PngWriter() {
    png = png_create_write_struct(PNG_LIBPNG_VER_STRING, static_cast<PngState*>(this), OnError, OnWarning);
    if (png != nullptr) info = png_create_info_struct(png);
    Require(info != nullptr, "png: no memory for the writer");
    png_set_write_fn(png, static_cast<PngState*>(this), OnWrite, OnFlush);
  }
  ~PngWriter() { png_destroy_write_struct(&png, &info); }
};

// Everything becomes 8-bit RGB or RGBA. Chunks that are no pixels are passed over unread: compressed text and profiles
// may be bombs of their own.
void ReadHeader(PngState& s) {
  static constexpr png_byte kSkipped[] = "iCCP\0zTXt\0iTXt\0tEXt\0sPLT\0eXIf\0hIST";
  png_set_keep_unknown_chunks(s.png, PNG_HANDLE_CHUNK_NEVER, kSkipped, 7);
  png_set_user_limits(s.png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // judged by the caller
  png_read_info(s.png, s.info);
  png_set_expand(s.png);
  png_set_strip_16(s.png);
  png_set_gray_to_rgb(s.png);
  png_set_interlace_handling(s.png);
  png_read_update_info(s.png, s.info);
}

}  // namespace

ImageHeader PngHeader(std::string_view bytes) {
  const ByteView view(bytes, "png");
  Require(view.Part(12, 4) == "IHDR", "png: the header chunk is missing");
  const int64_t width = view.Big32(16), height = view.Big32(20);
  Require(width <= PNG_UINT_31_MAX && height <= PNG_UINT_31_MAX, "png: {} x {} pixels; a side has 31 bits", width,
          height);
  static constexpr int kChannels[] = {1, 0, 3, 1, 2, 0, 4};  // by colour type (PNG specification, section 11.2.2)
  const int depth = view.U8(24), type = view.U8(25);
  Require(type < 7 && kChannels[type] != 0 && depth >= 1 && depth <= 16, "png: colour type {} with {} bits", type,
          depth);
  const double row_bytes = static_cast<double>(width * kChannels[type] * depth / 8 + 1);
  return {.size = {height, width},
          .least_file_bytes = static_cast<int64_t>(row_bytes * static_cast<double>(height) / kMaxInflation)};
}

Tensor DecodePng(std::string_view bytes) {
  PngReader reader(bytes);
  reader.Guarded([&] { ReadHeader(reader); });
  const int64_t height = png_get_image_height(reader.png, reader.info),
                width = png_get_image_width(reader.png, reader.info),
                channels = png_get_channels(reader.png, reader.info);
  Require((channels == 3 || channels == 4) &&
              static_cast<int64_t>(png_get_rowbytes(reader.png, reader.info)) == width * channels,
          "png: {} channels", channels);
  Tensor picture = Tensor::Empty({height, width, channels}, DType::kU8);
  std::vector<png_bytep> rows;
  uint8_t* data = picture.mutable_data<uint8_t>().data();
  for (int64_t y = 0; y < height; ++y) rows.push_back(data + y * width * channels);
  reader.Guarded([&] { png_read_image(reader.png, rows.data()); });
  return picture;
}

std::string EncodePng(const Tensor& picture) {
  const ImageSize size = SizeOf(picture, "png");
  const int64_t channels = picture.dim(2);
  Require(size.height <= PNG_UINT_31_MAX && size.width <= PNG_UINT_31_MAX, "png: a side has 31 bits");
  PngWriter writer;
  const uint8_t* data = picture.data<uint8_t>().data();
  writer.Guarded([&] {
    png_set_user_limits(writer.png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_IHDR(writer.png, writer.info, static_cast<png_uint_32>(size.width), static_cast<png_uint_32>(size.height),
                 8, channels == 4 ? PNG_COLOR_TYPE_RGB_ALPHA : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(writer.png, writer.info);
    for (int64_t y = 0; y < size.height; ++y) png_write_row(writer.png, data + y * size.width * channels);
    png_write_end(writer.png, writer.info);
  });
  return std::move(writer.output);
}

}  // namespace tessera::image
