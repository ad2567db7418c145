#pragma once
// A golden case of tests/data: a checkpoint, and what another framework computes from it.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "tessera/models/load.h"
#include "tessera/weights/checkpoint.h"
#include "tessera/weights/safetensors.h"

namespace tessera::models {

struct Golden {
  std::string name;
  weights::Checkpoint checkpoint;
  weights::SafetensorsFile expected;

  explicit Golden(const std::string& folder)
      : name(folder),
        checkpoint(weights::Checkpoint::Open(Folder(folder))),
        expected(weights::SafetensorsFile::Open(Folder(folder) + "/golden.safetensors")) {}

  static std::string Folder(const std::string& folder) { return std::string(TESSERA_TEST_DATA) + "/" + folder; }

  // The goldens are computed in f32 on the weights as stored, so x keeps its bits unless a test says otherwise.
  std::unique_ptr<LanguageModel> Load(const LoadOptions& options = {.precision = ops::LinearPrecision::kExact}) const {
    return LoadModel(checkpoint, options);
  }
  Tensor operator[](const std::string& tensor) const { return expected.Get(tensor); }
};

// The greatest |a - b|; a NaN counts as infinitely far.
inline float MaxDifference(const Tensor& a, const Tensor& b) {
  EXPECT_EQ(a.shape(), b.shape());
  if (a.shape() != b.shape()) return INFINITY;
  const Tensor left = a.Contiguous(), right = b.Contiguous();
  const auto x = left.data<float>(), y = right.data<float>();
  float greatest = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const float difference = std::abs(x[i] - y[i]);
    greatest = std::isnan(difference) ? INFINITY : std::max(greatest, difference);
  }
  return greatest;
}

// |a - b| / |b|, Frobenius norms.
inline double RelativeError(const Tensor& a, const Tensor& b) {
  double error = 0, norm = 0;
  for (size_t i = 0; i < b.data<float>().size(); ++i) {
    const double x = a.data<float>()[i], y = b.data<float>()[i];
    error += (x - y) * (x - y);
    norm += y * y;
  }
  return std::sqrt(error / norm);
}

inline float MaxAbs(const Tensor& a) { return MaxDifference(a, Tensor::Zeros(a.shape())); }

}  // namespace tessera::models
