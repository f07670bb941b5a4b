//===- Tcgen05.cpp - products by tcgen05: which tile, and its launch ------===//

#include "PersistentTiles.h"
#include "Schedules.h"
#include "Tcgen05Kernel.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>

namespace mlir::lowbit {
namespace {

/// Low tiles are for few rows: what is copied and stored counts then, not what is multiplied.
constexpr Tcgen05Tile tiles[] = {{128, 256, 4}, {128, 128, 6}, {128, 64, 8}, {64, 128, 6}, {64, 64, 8}, {64, 32, 10},
                                 {32, 128, 6},  {32, 64, 8},   {32, 32, 10}, {16, 128, 6}, {16, 64, 8}, {16, 32, 10}};

class Tcgen05Plan final : public MatmulPlan {
public:
  Tcgen05Plan(const MatmulKernel &kernel, const GPUArchitecture &architecture, const Tcgen05Tile &tile)
      : kernel(kernel), architecture(architecture), tile(tile) {}

  std::string getName() const override {
    return llvm::formatv("tcgen05_{0}x{1}x{2}x{3}", tile.rows, tile.columns, Tcgen05Mma::rowBytes, tile.stages);
  }
  unsigned getThreads() const override { return Tcgen05Tile::threads; }
  unsigned getSharedBytes() const override { return tile.getSharedBytes(kernel); }

  double estimate() const override {
    // As wgmma's, with what data sheets say of products and memory; sums are stored while the next ones are multiplied. Not measured.
    constexpr double productsPerCycle = 8192, wait = 100, opsPerCycle = 67, start = 4800, cyclesPerMicrosecond = 1750;
    constexpr double memoryBytes = 6e6, cacheBytes = 100e6; // a microsecond
    auto [rows, columns, depth] = kernel.guessSizes();
    int64_t steps = llvm::divideCeil(depth, Tcgen05Mma::rowBytes);
    int64_t batches = kernel.guessBatches();
    double numTiles = batches * llvm::divideCeil(rows, tile.rows) * llvm::divideCeil(columns, tile.columns);
    double perBlock = std::ceil(numTiles / architecture.multiprocessors);
    double products = steps * (Tcgen05Mma::rows * tile.columns * Tcgen05Mma::rowBytes / productsPerCycle + wait);
    double ops = tile.rows * tile.columns * (9.0 + llvm::range_size(kernel.epilogue->front())) / opsPerCycle;
    double cycles = perBlock * std::max(products, ops) + std::min(products, ops);
    double memory = batches * (rows + columns) * depth / memoryBytes + numTiles * steps * tile.getCopiedBytes() / cacheBytes;
    return start / cyclesPerMicrosecond + std::max(cycles / cyclesPerMicrosecond, memory);
  }

  SmallVector<std::pair<Type, DictionaryAttr>> getExtraArguments(MLIRContext *context) const override {
    return PersistentTiles::getMaps(context);
  }

  void emit(KernelBuilder &b, gpu::GPUFuncOp function) const override { emitTcgen05Kernel(b, kernel, tile, function); }

  Launch buildLaunch(KernelBuilder &b, const MatmulArguments &arguments) const override {
    return PersistentTiles::buildLaunch(b, kernel, arguments, tile.rows, tile.columns, Tcgen05Mma::rowBytes, architecture.multiprocessors);
  }

private:
  const MatmulKernel &kernel;
  const GPUArchitecture &architecture;
  Tcgen05Tile tile;
};

class Tcgen05Schedule final : public MatmulSchedule {
public:
  StringRef getName() const override { return "tcgen05"; }

  MatmulPlans plan(const MatmulKernel &kernel, const GPUArchitecture &architecture, std::string &obstacle) const override {
    obstacle = getObstacle(kernel, architecture);
    return obstacle.empty() ? makePlans<Tcgen05Plan>(tiles, kernel, architecture, obstacle) : MatmulPlans();
  }

private:
  static std::string getObstacle(const MatmulKernel &kernel, const GPUArchitecture &architecture) {
    if (!architecture.hasTensorMemoryMma || !architecture.hasBulkCopy)
      return (architecture.chip + " has no tcgen05 of bytes").str();
    if (kernel.lhs.width == 1)
      return "bits are no bytes";
    return getSideObstacle(kernel);
  }
};

} // namespace

const MatmulSchedule &getTcgen05Schedule() {
  static const Tcgen05Schedule schedule;
  return schedule;
}

} // namespace mlir::lowbit
