#pragma once
// The decoders, one file each. For decode.cc, which chooses one and judges the header first.

#include <cstdint>
#include <string_view>

#include "tessera/image/decode.h"

namespace tessera::image {

// What a header says before any pixel is decoded.
struct ImageHeader {
  ImageSize size;                // as shown
  int64_t least_file_bytes = 0;  // a whole file of that size has at least so many: what the compression can do at best
};

// Each reader throws Error "png: …" for damaged bytes. A decoder is given a header that was judged.
ImageHeader PngHeader(std::string_view bytes);
Tensor DecodePng(std::string_view bytes);
ImageHeader JpegHeader(std::string_view bytes);
Tensor DecodeJpeg(std::string_view bytes);
ImageHeader WebpHeader(std::string_view bytes);
Tensor DecodeWebp(std::string_view bytes);
ImageHeader BmpHeader(std::string_view bytes);
Tensor DecodeBmp(std::string_view bytes);
ImageHeader GifHeader(std::string_view bytes);
Tensor DecodeGif(std::string_view bytes);

}  // namespace tessera::image
