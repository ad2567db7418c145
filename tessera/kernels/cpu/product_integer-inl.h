// The inner loops of integer products for one vocabulary V of sixteen lanes. Included by each instruction set's file,
// inside its target region and an unnamed namespace.
//
// With codes c of the weight, codes q of x, and scales d (weight) and s (x), a block of 32 values adds
//   (d s) Σ (c - zero) q           symmetric formats; Σ starts at -zero Σ q, which x brings along
//   m (s Σ q) + (d s) Σ c q        formats with minimums; x brings s Σ q
// to an output: sums of integers are exact, so only these few operations round, and they are the same in every loop. s
// is a quarter power of two, so a tile that holds d 2^(i/4) leaves d s to an operation on exponents, which some
// processors do beside their multipliers (V::XScale); the dot products have those nearly to themselves.
//
// Where a dot product of pairs of bf16 is at hand (V::kPairedMinimums), one instruction adds the minimums of two
// blocks:
//   (d s) Σ (c - z) q              z is the middle of the codes, and x brings -z Σ q as for symmetric formats
//   + (m + d z) (s Σ q)            both factors in bf16, in the order of blocks, behind the second block's codes
// From the middle of the codes, m + d z is a few d at most, and its 8 bits err by less than x's do.

// Records of a packed panel, one after the other, unpacked in registers.
template <class V, PanelFormat kFormat>
struct PackedRecords {
  const uint8_t* header;
  const uint8_t* record;
  int below_header = 0;
  typename V::F even_minimum = V::Zero();  // of paired ones

  explicit PackedRecords(const void* panel)
      : header(static_cast<const uint8_t*>(panel)), record(header + kFormat.header_bytes()) {}

  typename V::F Scale(int part) const {
    if constexpr (!kFormat.super) return V::LoadF16(record);
    const typename V::F d = V::LoadF16(header);
    if constexpr (kFormat.shared) return V::Mul(d, V::LoadLowNibbles(record + 16 * part));
    if constexpr (kFormat.minimum) return V::Mul(d, V::LoadU8(record));
    return V::Mul(d, V::LoadI8(record + 16 * part));
  }
  typename V::F Scales(int part) const { return Scale(part); }
  typename V::F Minimum(int part) const {
    if constexpr (!kFormat.super) return V::LoadF16(record + 32);
    const typename V::F units = V::LoadF16(header + 32);
    if constexpr (kFormat.shared) return V::Negate(V::Mul(units, V::LoadHighNibbles(record + 16 * part)));
    return V::Negate(V::Mul(units, V::LoadU8(record + 16)));
  }
  typename V::F CentredMinimum(int part) const {
    return V::MulAdd(Scale(part), V::Set(static_cast<float>(kFormat.centre())), Minimum(part));
  }
  // Of an even record that another follows.
  void KeepMinimum() { even_minimum = CentredMinimum(0); }
  // Of a record of two parts, of an odd one and the one before, or of an even one that is the last.
  typename V::W MinimumPair(bool odd) const {
    if constexpr (kFormat.parts == 2) return V::PairOf(CentredMinimum(0), CentredMinimum(1));
    return odd ? V::PairOf(even_minimum, CentredMinimum(0)) : V::PairOf(CentredMinimum(0), V::Zero());
  }
  typename V::W Codes(int group) const {
    const uint8_t* low = record + kFormat.scale_bytes();
    const uint8_t* high = low + 64 * kFormat.low_bits;
    if constexpr (kFormat.low_bits == 8) return V::LoadW(low + 64 * group);
    typename V::W codes;
    if constexpr (kFormat.low_bits == 2)
      codes = V::TwoBits(V::LoadW(low + 64 * (group / 4)), group % 4, 0);
    else
      codes = group < 4 ? V::LowNibbles(V::LoadW(low + 64 * group)) : V::HighNibbles(V::LoadW(low + 64 * (group - 4)));
    if constexpr (kFormat.high_bits == 1) codes = V::OrBit(codes, high + 8 * group, kFormat.low_bits);
    if constexpr (kFormat.high_bits == 2)
      codes = V::Or(codes, V::TwoBits(V::LoadW(high + 64 * (group / 4)), group % 4, kFormat.low_bits));
    if constexpr (kFormat.levels) codes = V::Levels(codes);
    return codes;
  }
  void Next(int64_t stream_ahead = 0) {
    if (stream_ahead != 0) {
      for (int64_t line = 0; line < kFormat.record_bytes(); line += 64) V::PrefetchSoon(record + stream_ahead + line);
    }
    record += kFormat.record_bytes();
    if constexpr (kFormat.super) {
      if (++below_header == kSuperRecords) {
        below_header = 0;
        header = record;
        record += kFormat.header_bytes();
      }
    }
  }
};

// Records that Unpack wrote to a tile.
template <class V, PanelFormat kFormat>
struct TileRecords {
  const uint8_t* record;

  explicit TileRecords(const void* tile) : record(static_cast<const uint8_t*>(tile)) {}
  const uint8_t* Scales(int part) const { return record + 512 + TilePartBytes(kFormat) * part; }
  typename V::F Minimum(int part) const { return V::Load(reinterpret_cast<const float*>(Scales(part) + 256)); }
  static void KeepMinimum() {}
  typename V::W MinimumPair(bool) const { return V::LoadW(Scales(0) + 256); }
  typename V::W Codes(int group) const { return V::LoadW(record + 64 * group); }
  void Next(int64_t) { record += TileRecordBytes(kFormat); }
};

// Whether record i's minimums wait for the next one's.
constexpr bool SharesMinimums(const PanelFormat& format, int64_t i, int64_t records) {
  return format.parts == 1 && i % 2 == 0 && i + 1 < records;
}

template <class V, PanelFormat kFormat>
void Unpack(const uint8_t* packed, int64_t records, uint8_t* tile) {
  PackedRecords<V, kFormat> source(packed);
  for (int64_t i = 0; i < records; ++i, source.Next(), tile += TileRecordBytes(kFormat)) {
#pragma GCC unroll 8
    for (int j = 0; j < 8; ++j) V::StoreW(source.Codes(j), tile + 64 * j);
    for (int p = 0; p < kFormat.parts; ++p) {
      float* scales = reinterpret_cast<float*>(tile + 512 + TilePartBytes(kFormat) * p);
      const typename V::F scale = source.Scale(p);
      for (size_t quarter = 0; quarter < V::kTileForms; ++quarter)
        V::Store(V::Mul(scale, V::Set(kQuarterPowers[quarter])), scales + 16 * quarter);
      if constexpr (kFormat.minimum && !V::kPairedMinimums) V::Store(source.Minimum(p), scales + 64);
    }
    if constexpr (kFormat.minimum && V::kPairedMinimums) {
      if (SharesMinimums(kFormat, i, records))
        source.KeepMinimum();
      else
        V::StoreW(source.MinimumPair(i % 2 != 0), tile + 512 + 256);
    }
  }
}

template <class Records, int P>
struct PanelRecords {
  Records of[P];
  void Next(int64_t stream_ahead) {
#pragma GCC unroll 2
    for (int p = 0; p < P; ++p) of[p].Next(stream_ahead);
  }
};

template <class Records, int... P>
PanelRecords<Records, sizeof...(P)> RecordsOf(const MicroArgs& a, std::integer_sequence<int, P...>) {
  return {{Records(a.panels[P].w)...}};
}

// Each panel's scales of a part, as V::XScale takes them.
template <class Records, int... P>
auto ScalesOf(const PanelRecords<Records, sizeof...(P)>& w, int part, std::integer_sequence<int, P...>) {
  return std::array{w.of[P].Scales(part)...};
}

template <class V, class Records, int... P>
auto MinimumsOf(const PanelRecords<Records, sizeof...(P)>& w, bool odd, std::integer_sequence<int, P...>) {
  return std::array<typename V::W, sizeof...(P)>{w.of[P].MinimumPair(odd)...};
}

template <class V, PanelFormat kFormat, int R, int P, class Records>
void MultiplyInteger(const MicroArgs& a) {
  constexpr int kGroups = 8 / kFormat.parts;   // of four values, in a part
  constexpr bool kWide = kFormat.zero == 128;  // codes use all eight bits
  constexpr bool kPaired = kFormat.minimum && V::kPairedMinimums;
  constexpr bool kStartsAtZero = (kFormat.minimum && !kPaired) || (kWide && V::kWideDotSubtractsZero);
  Sums<V, R, P> y;
  y.Load(a);
  auto w = RecordsOf<Records>(a, std::make_integer_sequence<int, P>());
  const uint8_t* x = static_cast<const uint8_t*>(a.x);
  const std::byte* ahead = a.ahead.next;
  for (int64_t u = 0; u < a.units; ++u, w.Next(a.stream_ahead), x += R * XBlockBytes(kFormat)) {
    for (int i = 0; i < a.ahead.lines; ++i, ahead += 64) V::PrefetchLater(ahead);
    const uint8_t* scales = x + R * 32;
    const uint8_t* sums = x + R * kXSumsOffset;
#pragma GCC unroll 2
    for (int part = 0; part < kFormat.parts; ++part) {
      typename V::I sum[P][R];
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        const typename V::I start = kStartsAtZero ? V::ZeroI() : V::SetI(ReadAs<int32_t>(sums + 4 * (part * R + r)));
#pragma GCC unroll 2
        for (int p = 0; p < P; ++p) sum[p][r] = start;
      }
#pragma GCC unroll 8
      for (int j = part * kGroups; j < (part + 1) * kGroups; ++j) {
        typename V::W codes[P];
#pragma GCC unroll 2
        for (int p = 0; p < P; ++p) codes[p] = w.of[p].Codes(j);
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) {
          const int32_t four = ReadAs<int32_t>(x + r * 32 + 4 * j);
#pragma GCC unroll 2
          for (int p = 0; p < P; ++p)
            sum[p][r] = kWide ? V::WideDot(sum[p][r], codes[p], four) : V::Dot(sum[p][r], codes[p], four);
        }
      }
      const auto forms = ScalesOf(w, part, std::make_integer_sequence<int, P>());
      typename V::F minimum[P];
      if constexpr (kFormat.minimum && !kPaired) {
#pragma GCC unroll 2
        for (int p = 0; p < P; ++p) minimum[p] = w.of[p].Minimum(part);
      }
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        const typename V::XScale scale(scales + 4 * r, scales + 4 * (R + r));
#pragma GCC unroll 2
        for (int p = 0; p < P; ++p) {
          if constexpr (kFormat.minimum && !kPaired)
            y.of[p][r] = V::MulAdd(minimum[p], V::Set(ReadAs<float>(sums + 4 * (part * R + r))), y.of[p][r]);
          y.of[p][r] = V::MulAdd(V::ToFloat(sum[p][r]), scale.Times(forms[p]), y.of[p][r]);
        }
      }
    }
    if constexpr (kPaired) {
      if (SharesMinimums(kFormat, u, a.units)) {
#pragma GCC unroll 2
        for (int p = 0; p < P; ++p) w.of[p].KeepMinimum();
        continue;
      }
      const bool odd = kFormat.parts == 1 && u % 2 != 0;
      const uint8_t* words = x + R * (XPairsOffset(kFormat) - (odd ? XBlockBytes(kFormat) : 0));
      const auto minimums = MinimumsOf<V>(w, odd, std::make_integer_sequence<int, P>());
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        const auto word = ReadAs<int32_t>(words + 4 * r);
#pragma GCC unroll 2
        for (int p = 0; p < P; ++p) y.of[p][r] = V::AddPair(y.of[p][r], minimums[p], word);
      }
    }
  }
  y.Store(a);
}

// n blocks of x, codes of the next one that many bytes further: all at once where V can, or one after the other.
template <class V>
void RoundBlocks(const float* x, int n, uint8_t* codes, int64_t next_codes, RoundedBlocks& rounded) {
  if constexpr (requires { &V::QuantizeBlock; }) {
    for (int i = 0; i < n; ++i) {
      int32_t sums[2];
      rounded.scale[i] =
          V::QuantizeBlock(x + kBlockValues * i, reinterpret_cast<int8_t*>(codes + next_codes * i), sums);
      rounded.exponent[i] = ExponentOf(rounded.scale[i]);
      rounded.sums[0][i] = sums[0], rounded.sums[1][i] = sums[1];
    }
  } else {
    V::QuantizeBlocks(x, n, codes, next_codes, rounded);
  }
}

// What XBlocks keep of the sums of a part's codes.
struct KeptSums {
  static constexpr int kMost = RoundedBlocks::kMost;
  alignas(32) uint32_t of[2][kMost];     // bits of int32 or of f32
  alignas(32) uint16_t pairs[2][kMost];  // bf16; only of minimums that are multiplied as pairs

  KeptSums(RoundedBlocks& rounded, const PanelFormat& format, bool paired) {
    if (format.parts == 1) {
      for (int i = 0; i < kMost; ++i) rounded.sums[0][i] += rounded.sums[1][i];
    }
    for (int part = 0; part < format.parts; ++part) {
      const int32_t* sums = rounded.sums[part];
      alignas(32) uint32_t scaled[kMost];
      if (format.minimum) {
        for (int i = 0; i < kMost; ++i)
          scaled[i] = std::bit_cast<uint32_t>(rounded.scale[i] * static_cast<float>(sums[i]));
      }
      if (format.minimum && !paired) {
        std::memcpy(of[part], scaled, sizeof(scaled));
        continue;
      }
      const int centre = format.centre();
      for (int i = 0; i < kMost; ++i) of[part][i] = static_cast<uint32_t>(-centre * sums[i]);
      if (!paired) continue;
      for (int i = 0; i < kMost; ++i)  // to nearest even; a NaN is that of the scale, and stays one
        pairs[part][i] = static_cast<uint16_t>((scaled[i] + 0x7fff + (scaled[i] >> 16 & 1)) >> 16);
    }
  }
};

// Where a block of a format of one part keeps its bf16.
struct PairPlace {
  uint8_t* word;
  int64_t block, all;

  // `word` is that of this block; the even one's is the one that is used.
  void Keep(uint16_t value, int64_t block_bytes) const {
    if (block % 2 != 0) {
      std::memcpy(word - block_bytes + 2, &value, 2);
      return;
    }
    std::memcpy(word, &value, 2);
    if (block + 1 == all) std::memset(word + 2, 0, 2);
  }
};

// Where words of blocks lie: of the first one, how much further those of the next, and the next word of the same.
struct XWords {
  uint8_t* first;
  int64_t next_block, next_word;
};

// The words of n blocks. Of `at` on, one after the other, where `along`; else of that one, of several rows.
inline void KeepWords(const RoundedBlocks& rounded, const KeptSums& kept, int n, const PanelFormat& format, bool paired,
                      XBlockPlace at, bool along, int64_t block_bytes, const XWords& to) {
  const auto keep = [&](int word, const auto* values) {
    uint8_t* out = to.first + word * to.next_word;
    if (to.next_block == 4) {
      std::memcpy(out, values, static_cast<size_t>(4 * n));
    } else {
      for (int i = 0; i < n; ++i) std::memcpy(out + i * to.next_block, values + i, 4);
    }
  };
  keep(0, rounded.scale);
  keep(1, rounded.exponent);
  keep(2, kept.of[0]);
  if (format.parts == 2) keep(3, kept.of[1]);
  if (!paired) return;
  uint8_t* word = to.first + (2 + format.parts) * to.next_word;
  for (int i = 0; i < n; ++i, word += to.next_block) {
    if (format.parts == 1) {
      PairPlace{word, at.block + (along ? i : 0), at.all}.Keep(kept.pairs[0][i], block_bytes);
    } else {
      std::memcpy(word, &kept.pairs[0][i], 2);
      std::memcpy(word + 2, &kept.pairs[1][i], 2);
    }
  }
}

// Blocks of x at x, x + 32, … as XBlocks of that many rows: one row's from block `at` on, where `along`; else block
// `at` of several rows. Codes of the next one lie that many bytes further.
template <class V>
void QuantizeBlocks(const float* x, int64_t count, XBlockPlace at, bool along, const PanelFormat& format, int rows,
                    uint8_t* codes, int64_t next_codes, XWords words) {
  constexpr int64_t kAtOnce = RoundedBlocks::kMost;
  const bool paired = format.minimum && V::kPairedMinimums;
  for (int64_t begin = 0; begin < count; begin += kAtOnce) {
    RoundedBlocks rounded{};
    const int n = static_cast<int>(std::min(kAtOnce, count - begin));
    RoundBlocks<V>(x + begin * kBlockValues, n, codes + begin * next_codes, next_codes, rounded);
    const KeptSums kept(rounded, format, paired);
    KeepWords(rounded, kept, n, format, paired, {at.block + (along ? begin : 0), at.all}, along,
              rows * XBlockBytes(format), words);
    words.first += n * words.next_block;
  }
}

template <class V>
void QuantizeRow(const float* x, int64_t blocks, XBlockPlace at, const PanelFormat& format, int row, int rows,
                 uint8_t* out) {
  const int64_t next = rows * XBlockBytes(format);
  QuantizeBlocks<V>(x, blocks, at, true, format, rows, out + row * 32, next,
                    {out + rows * 32 + 4 * row, next, 4 * rows});
}

template <class V>
void QuantizeGroup(const float* x, XBlockPlace at, const PanelFormat& format, int rows, uint8_t* out) {
  QuantizeBlocks<V>(x, rows, at, false, format, rows, out, 32, {out + rows * 32, 4, 4 * rows});
}

// What a tile's loop needs to know of a format, so that formats share loops.
constexpr PanelFormat TileFormat(const PanelFormat& format) {
  return {.low_bits = 8, .zero = format.zero == 128 ? 128 : 0, .parts = format.parts, .minimum = format.minimum};
}

template <class V, PanelFormat kFormat, int... R>
void AddFormatRows(IntegerFormatKernels& kernels, std::integer_sequence<int, R...>) {
  ((kernels.multiply_tile[R] = MultiplyInteger<V, kFormat, R + 1, 1, TileRecords<V, kFormat>>), ...);
}

template <class V, PanelFormat kFormat, int... R>
void AddFormatPairs(IntegerFormatKernels& kernels, std::integer_sequence<int, R...>) {
  ((kernels.multiply_tile_pair[R] = MultiplyInteger<V, kFormat, R + 1, 2, TileRecords<V, kFormat>>), ...);
}

template <class V, PanelFormat kFormat, int... R>
void AddPackedRows(IntegerFormatKernels& kernels, std::integer_sequence<int, R...>) {
  ((kernels.multiply_packed[R] = MultiplyInteger<V, kFormat, R + 1, 1, PackedRecords<V, kFormat>>), ...);
}

template <class V, DType kDType>
void AddFormat(IntegerKernels& table) {
  constexpr PanelFormat kFormat = PanelFormatOf(kDType);
  IntegerFormatKernels& kernels = table.formats[static_cast<size_t>(kDType)];
  AddFormatRows<V, TileFormat(kFormat)>(kernels, std::make_integer_sequence<int, V::kIntegerRows>());
  if constexpr (V::kPairs)
    AddFormatPairs<V, TileFormat(kFormat)>(kernels, std::make_integer_sequence<int, V::kPairRows>());
  AddPackedRows<V, kFormat>(kernels, std::make_integer_sequence<int, V::kDirectRows>());
  kernels.unpack = Unpack<V, kFormat>;
}

template <class V>
IntegerKernels MakeIntegerKernels() {
  IntegerKernels table;
  table.max_rows = V::kIntegerRows;
  if constexpr (V::kPairs) table.pair_rows = V::kPairRows;
  table.quantize_row = QuantizeRow<V>;
  table.quantize_group = QuantizeGroup<V>;
  AddFormat<V, DType::kQ4_0>(table);
  AddFormat<V, DType::kQ4_1>(table);
  AddFormat<V, DType::kQ5_0>(table);
  AddFormat<V, DType::kQ5_1>(table);
  AddFormat<V, DType::kQ8_0>(table);
  AddFormat<V, DType::kQ2_K>(table);
  AddFormat<V, DType::kQ3_K>(table);
  AddFormat<V, DType::kQ4_K>(table);
  AddFormat<V, DType::kQ5_K>(table);
  AddFormat<V, DType::kQ6_K>(table);
  AddFormat<V, DType::kIQ4_NL>(table);
  AddFormat<V, DType::kIQ4_XS>(table);
  return table;
}
