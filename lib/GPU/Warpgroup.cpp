//===- Warpgroup.cpp - products by wgmma: which tile, and its launch ------===//

#include "PersistentTiles.h"
#include "Schedules.h"
#include "WarpgroupKernel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>

namespace mlir::lowbit {
namespace {

/// Low tiles are for few rows: what is copied and stored counts then, not what is multiplied.
constexpr WarpgroupTile tiles[] = {
    {128, 256, 2, 4}, {128, 128, 2, 6}, {64, 128, 1, 8}, {64, 64, 1, 12}, {64, 32, 1, 16}, {32, 128, 1, 8}, {32, 96, 1, 10},
    {32, 64, 1, 12},  {32, 32, 1, 16},  {16, 128, 1, 8}, {16, 96, 1, 10}, {16, 64, 1, 12}, {16, 32, 1, 16},
};

class WarpgroupPlan final : public MatmulPlan {
public:
  WarpgroupPlan(const MatmulKernel &kernel, const GPUArchitecture &architecture, const WarpgroupTile &tile)
      : kernel(kernel), architecture(architecture), tile(tile) {}

  std::string getName() const override {
    return llvm::formatv("wgmma_{0}x{1}x{2}x{3}", tile.rows, tile.columns, WarpgroupMma::rowBytes, tile.stages);
  }
  unsigned getThreads() const override { return tile.getThreads(); }
  unsigned getSharedBytes() const override { return tile.getSharedBytes(kernel); }

  double estimate() const override {
    // The longer of the time that multiprocessors take, each for its tiles: products with a wait a step, then the epilogue by its ops; and
    // of the time that memory takes: both sides once, and what is copied of them by all tiles, which comes from the L2. Fitted to 76
    // problems on an H200, where the tile it chose took 1.3 % more than the best on average, and 26 % at most.
    constexpr double productsPerCycle = 4096, wait = 170, opsPerCycle = 67, start = 4800, cyclesPerMicrosecond = 1750;
    constexpr double memoryBytes = 3.3e6, cacheBytes = 65e6; // a microsecond
    auto [rows, columns, depth] = kernel.guessSizes();
    int64_t steps = llvm::divideCeil(depth, WarpgroupMma::rowBytes);
    int64_t batches = kernel.guessBatches();
    double numTiles = batches * llvm::divideCeil(rows, tile.rows) * llvm::divideCeil(columns, tile.columns);
    double step = tile.consumers * WarpgroupMma::rows * tile.columns * WarpgroupMma::rowBytes / productsPerCycle + wait;
    // Sums of floats are added once more in registers, which only another consumer hides. Not measured.
    constexpr double additionsPerCycle = 128;
    if ((kernel.hasFloats() || kernel.group != 0) && tile.consumers == 1)
      step += WarpgroupMma::rows * tile.columns / additionsPerCycle;
    double ops = 9 + llvm::range_size(kernel.epilogue->front());
    double cycles = std::ceil(numTiles / architecture.multiprocessors) * (steps * step + tile.rows * tile.columns * ops / opsPerCycle);
    double memory = batches * (rows + columns) * depth / memoryBytes + numTiles * steps * tile.getCopiedBytes() / cacheBytes;
    return start / cyclesPerMicrosecond + std::max(cycles / cyclesPerMicrosecond, memory);
  }

  SmallVector<std::pair<Type, DictionaryAttr>> getExtraArguments(MLIRContext *context) const override {
    return PersistentTiles::getMaps(context);
  }

  void emit(KernelBuilder &b, gpu::GPUFuncOp function) const override { emitWarpgroupKernel(b, kernel, tile, function); }

  Launch buildLaunch(KernelBuilder &b, const MatmulArguments &arguments) const override {
    return PersistentTiles::buildLaunch(b, kernel, arguments, tile.rows, tile.columns, WarpgroupMma::rowBytes,
                                        architecture.multiprocessors);
  }

private:
  const MatmulKernel &kernel;
  const GPUArchitecture &architecture;
  WarpgroupTile tile;
};

class WarpgroupSchedule final : public MatmulSchedule {
public:
  StringRef getName() const override { return "wgmma"; }

  MatmulPlans plan(const MatmulKernel &kernel, const GPUArchitecture &architecture, std::string &obstacle) const override {
    obstacle = getObstacle(kernel, architecture);
    if (!obstacle.empty())
      return {};
    int64_t most = WarpgroupTile::getMostColumns(kernel);
    auto fits = [&](const WarpgroupTile &tile) { return tile.columns <= most; };
    return makePlans<WarpgroupPlan>(llvm::make_filter_range(tiles, fits), kernel, architecture, obstacle);
  }

private:
  static std::string getObstacle(const MatmulKernel &kernel, const GPUArchitecture &architecture) {
    if (!architecture.hasWarpgroupMma || !architecture.hasBulkCopy)
      return (architecture.chip + " has no wgmma").str();
    if (kernel.hasFloats() && !kernel.allowsFloat8Order(/*byWarpgroups=*/true))
      return "sums of 8-bit floats are to be added up in another order";
    return getSideObstacle(kernel, /*rowAlignment=*/16, /*takesFloats=*/true, /*takesWindows=*/false, /*takesGroups=*/true);
  }
};

} // namespace

const MatmulSchedule &getWarpgroupSchedule() {
  static const WarpgroupSchedule schedule;
  return schedule;
}

} // namespace mlir::lowbit
