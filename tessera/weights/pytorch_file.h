#pragma once
// Checkpoints as torch.save writes them (".ckpt", ".pt", ".pth"): a ZIP archive with the raw values of each storage and
// a pickle that says which tensor is where.
//
//   archive/data.pkl     {"state_dict": {"encoder.conv_in.weight": tensor(storage "0", offset, sizes, strides), …}, …}
//   archive/data/0       the bytes of storage "0"
//
// A pickle is a program, and Python runs whatever it names. Here nothing is run: names are only compared with those of
// tensors, storages and ordered dictionaries, everything else that the pickle builds is skipped. Values stay mapped.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tessera/core/mapped_file.h"
#include "tessera/core/tensor.h"
#include "tessera/weights/tensor_info.h"

namespace tessera::weights {

class PyTorchFile {
 public:
  // Reads the tensors of the dictionary "state_dict", or of the outermost one. Throws Error that names the file: not
  // such an archive (files from before PyTorch 1.6 are none), a damaged pickle, a tensor outside its storage or with
  // strides other than those of contiguous values, big-endian values, more than 8 MiB of pickle or 2^18 values in it.
  static PyTorchFile Open(const std::filesystem::path& path);
  static PyTorchFile Open(std::shared_ptr<const MappedFile> file);

  const std::vector<TensorInfo>& tensors() const { return tensors_; }
  bool Has(const std::string& name) const { return index_.contains(name); }
  // The tensor of that name, mapped; throws Error if there is none.
  Tensor Get(const std::string& name) const;

 private:
  std::shared_ptr<const MappedFile> file_;
  std::vector<TensorInfo> tensors_;
  std::map<std::string, size_t> index_;
};

}  // namespace tessera::weights
