//===- CodeLevels.cpp - the reals that codes stand for, in order ----------===//

#include "lowbit/PTQ/CodeLevels.h"
#include "llvm/ADT/STLExtras.h"
#include <algorithm>
#include <cmath>

namespace mlir::lowbit {

CodeLevels::CodeLevels(const HostQuantizer &quantizer) {
  NumberFormatAttrInterface format = quantizer.getScheme().getFormat();
  std::vector<std::pair<float, uint64_t>> levels;
  for (uint64_t code = 0; code < uint64_t(1) << format.getWidth(); ++code) {
    double real = format.decode(code);
    if (std::isfinite(real) && format.encode(real, 0) == code)
      levels.push_back({static_cast<float>(real), code});
  }
  llvm::sort(levels);
  for (auto [real, code] : levels) {
    // Zeros of both signs are one level.
    if (!reals.empty() && reals.back() == real)
      continue;
    reals.push_back(real);
    codes.push_back(code);
  }
  float first = reals.size() > 1 ? reals[1] - reals[0] : 0;
  bool isEven = first > 0;
  for (size_t i = 2; i < reals.size(); ++i)
    isEven &= reals[i] - reals[i - 1] == first;
  step = isEven ? first : 0;
}

int64_t CodeLevels::findBelow(float real) const {
  if (step > 0)
    return static_cast<int64_t>(std::clamp(std::floor((real - reals.front()) / step), 0.0f, static_cast<float>(size() - 1)));
  auto above = std::upper_bound(reals.begin(), reals.end(), real);
  return std::max<int64_t>(above - reals.begin() - 1, 0);
}

} // namespace mlir::lowbit
