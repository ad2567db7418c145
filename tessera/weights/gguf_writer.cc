#include "tessera/weights/gguf_writer.h"

#include "tessera/core/checked.h"
#include "tessera/weights/gguf.h"

namespace tessera::weights {
namespace {

int64_t RoundUp(int64_t value, int64_t multiple) {
  return CheckedAdd(value, multiple - 1, "gguf: size of the file") / multiple * multiple;
}

}  // namespace

GgufWriter::GgufWriter(const std::filesystem::path& path, int64_t alignment)
    : file_(path), where_(path.string()), alignment_(alignment) {
  Require(alignment >= 8 && (alignment & (alignment - 1)) == 0, "{}: the alignment {} is not a power of two from 8 on",
          where_, alignment);
  if (alignment != 32) Set("general.alignment", static_cast<uint32_t>(alignment));
}

std::string& GgufWriter::StartKey(std::string_view key, GgufType type) {
  Require(data_begin_ < 0, "{}: the key \"{}\" comes after the first tensor's values", where_, key);
  Require(keys_.insert(std::string(key)).second, "{}: the key \"{}\" stands twice", where_, key);
  AppendGguf(metadata_, key);
  AppendGguf(metadata_, static_cast<uint32_t>(type));
  return metadata_;
}

void GgufWriter::Declare(std::string_view name, const Shape& shape, DType dtype) {
  Require(data_begin_ < 0, "{}: tensor \"{}\" is declared after the first tensor's values", where_, name);
  Require(names_.insert(std::string(name)).second, "{}: the tensor \"{}\" stands twice", where_, name);
  Require(shape.rank() <= 4 && shape.numel() > 0, "{}: tensor \"{}\" of shape {}: GGUF holds 1 to 4 axes, none empty",
          where_, name, shape);
  GgufTensorType(dtype);  // throws where there is none
  const int64_t begin = declared_.empty() ? 0 : RoundUp(declared_.back().begin + declared_.back().bytes, alignment_);
  declared_.push_back({std::string(name), shape, dtype, begin, BytesFor(dtype, shape.numel())});
}

void GgufWriter::WriteHeader() {
  std::string bytes = "GGUF";
  AppendGguf(bytes, uint32_t{3});
  AppendGguf(bytes, uint64_t{declared_.size()});
  AppendGguf(bytes, uint64_t{keys_.size()});
  bytes += metadata_;
  for (const TensorInfo& info : declared_) {
    AppendGguf(bytes, info.name);
    AppendGguf(bytes, static_cast<uint32_t>(info.shape.rank()));
    for (int axis = info.shape.rank() - 1; axis >= 0; --axis)
      AppendGguf(bytes, static_cast<uint64_t>(info.shape[axis]));
    AppendGguf(bytes, GgufTensorType(info.dtype));
    AppendGguf(bytes, static_cast<uint64_t>(info.begin));
  }
  file_.Write(bytes);
  data_begin_ = RoundUp(file_.position(), alignment_);
  Pad(data_begin_);
}

void GgufWriter::Pad(int64_t position) {
  file_.Write(std::string(static_cast<size_t>(position - file_.position()), '\0'));
}

void GgufWriter::Write(const Tensor& values) {
  Require(tensors_left() > 0, "{}: more tensors are written than were declared", where_);
  if (data_begin_ < 0) WriteHeader();
  const TensorInfo& info = declared_[static_cast<size_t>(written_)];
  Require(values.shape() == info.shape && values.dtype() == info.dtype,
          "{}: tensor \"{}\" was declared {} {} but {} {} is written", where_, info.name, Name(info.dtype), info.shape,
          Name(values.dtype()), values.shape());
  Pad(data_begin_ + info.begin);
  const Tensor contiguous = values.Contiguous();
  file_.Write({reinterpret_cast<const char*>(contiguous.raw()), static_cast<size_t>(info.bytes)});
  ++written_;
}

void GgufWriter::Finish() {
  Require(tensors_left() == 0, "{}: {} declared tensors have not been written", where_, tensors_left());
  if (data_begin_ < 0) WriteHeader();
  Pad(RoundUp(file_.position(), alignment_));
  file_.Commit();
}

}  // namespace tessera::weights
