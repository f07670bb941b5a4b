//===- Epilogue.cpp - from accumulators in registers to results in memory -===//
// Law: each element of the result is computed by the region alone, from its sum and its operands' elements.

#include "lowbit/GPU/Epilogue.h"
#include "lowbit/IR/Lowbit.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/RegionUtils.h"
#include "llvm/ADT/MapVector.h"

namespace mlir::lowbit {

static unsigned getBytes(Type type) { return llvm::divideCeil(type.getIntOrFloatBitWidth(), 8); }

namespace {
class Emitter {
public:
  Emitter(KernelBuilder &b, const MatmulKernel &kernel, const MatmulArguments &arguments, const AccumulatorTile &tile, ResultWriter write)
      : b(b), kernel(kernel), arguments(arguments), tile(tile), write(write) {
    bool arePairs = kernel.columnAlignment % 2 == 0 && tile.places.size() % 2 == 0;
    for (size_t i = 0; arePairs && i < tile.places.size(); i += 2)
      arePairs = tile.places[i].row == tile.places[i + 1].row && tile.places[i].column + 1 == tile.places[i + 1].column &&
                 tile.places[i].column % 2 == 0;
    width = arePairs ? 2 : 1;
  }

  void emit() {
    // Elements of a row in the order of their columns; rows in the order in which they come.
    llvm::MapVector<int64_t, SmallVector<size_t>> rows;
    for (size_t i = 0; i < tile.places.size(); i += width) {
      rows[tile.places[i].row].push_back(i);
      addColumn(tile.places[i].column);
    }
    scalars.resize(kernel.operands.size());
    for (auto [i, operand] : llvm::enumerate(kernel.operands))
      if (operand.kind == OperandKind::Scalar)
        scalars[i] = b.load(operand.type, arguments.operands[i], getBytes(operand.type));
    for (auto &[row, elements] : rows)
      emitRow(row, elements);
  }

private:
  /// What is known of a column, or of `width` neighbours.
  struct Column {
    Value inside;                             ///< Whether it is one of the result's.
    Value place;                              ///< Its index, or that of the last one.
    SmallVector<SmallVector<Value>> elements; ///< Of each column operand.
  };

  void addColumn(int64_t offset) {
    if (columns.contains(offset))
      return;
    Column column;
    Value index = b.add(tile.column, offset);
    column.inside = b.lessThan(index, arguments.columns);
    column.place = b.min(index, b.add(arguments.columns, -int64_t(width)));
    for (auto [i, operand] : llvm::enumerate(kernel.operands))
      column.elements.push_back(operand.kind == OperandKind::Column
                                    ? b.loadElements(operand.type, getElement(arguments.operands[i], column.place, operand.type), width)
                                    : SmallVector<Value>());
    columns[offset] = column;
  }

  Value getElement(Value pointer, Value index, Type type) {
    Value wide = index.getType().isInteger(32) ? b.widen(index) : index;
    return b.offset(pointer, b.mul(wide, getBytes(type)));
  }

  void emitRow(int64_t offset, ArrayRef<size_t> elements) {
    Value row = b.add(tile.row, offset);
    if (write) // without branches, so that elements are computed beside one another
      return emitRow(b.min(row, b.add(arguments.rows, -1)), elements);
    b.when(b.lessThan(row, arguments.rows), [&] { emitRow(row, elements); });
  }

  void emitRow(Value row, ArrayRef<size_t> elements) {
    SmallVector<Value> shared(scalars);
    Value start = b.mul(b.widen(row), b.widen(arguments.columns));
    SmallVector<Value> begins(kernel.operands.size());
    for (auto [i, operand] : llvm::enumerate(kernel.operands)) {
      if (operand.kind == OperandKind::Row)
        shared[i] = b.load(operand.type, getElement(arguments.operands[i], row, operand.type), getBytes(operand.type));
      if (operand.kind == OperandKind::Full)
        begins[i] = getElement(arguments.operands[i], start, operand.type);
    }
    SmallVector<Value> results;
    for (auto [pointer, type] : llvm::zip(arguments.results, kernel.results))
      results.push_back(getElement(pointer, b.add(start, b.widen(tile.column)), type));
    for (size_t element : elements)
      emitElements(element, shared, begins, results);
  }

  /// The elements of one row from `first` on, as many as are stored together.
  void emitElements(size_t first, ArrayRef<Value> shared, ArrayRef<Value> begins, ArrayRef<Value> results) {
    const Column &column = columns[tile.places[first].column];
    SmallVector<SmallVector<Value>> operands(kernel.operands.size());
    for (auto [i, operand] : llvm::enumerate(kernel.operands)) {
      if (operand.kind == OperandKind::Column)
        operands[i] = column.elements[i];
      else if (operand.kind == OperandKind::Full)
        operands[i] = b.loadElements(operand.type, getElement(begins[i], column.place, operand.type), width);
      else
        operands[i].assign(width, shared[i]);
    }
    SmallVector<SmallVector<Value>> values(kernel.results.size());
    for (int64_t i = 0; i < width; ++i) {
      SmallVector<Value> yielded = inlineRegion(tile.sums[first + i], llvm::map_to_vector(operands, [&](auto &each) { return each[i]; }));
      for (auto [value, list] : llvm::zip(yielded, values))
        list.push_back(value);
    }
    auto join = [&](Type type, ArrayRef<Value> list) -> Value {
      return width == 1 ? list[0] : vector::FromElementsOp::create(b, VectorType::get({width}, type), list).getResult();
    };
    if (write) {
      for (auto [i, list, type] : llvm::enumerate(values, kernel.results))
        write(i, tile.places[first], join(type, list));
      return;
    }
    b.when(column.inside, [&] {
      for (auto [list, type, pointer] : llvm::zip(values, kernel.results, results))
        b.store(join(type, list), b.offset(pointer, tile.places[first].column * static_cast<int64_t>(getBytes(type))),
                width * getBytes(type));
    });
  }

  SmallVector<Value> inlineRegion(Value sum, ArrayRef<Value> operands) {
    Block &body = kernel.epilogue->front();
    IRMapping mapping;
    mapping.map(body.getArgument(0), sum);
    mapping.map(body.getArguments().drop_front(), operands);
    llvm::SetVector<Value> constants;
    getUsedValuesDefinedAbove(*kernel.epilogue, constants);
    for (Value constant : constants)
      mapping.map(constant, b.clone(*constant.getDefiningOp())->getResult(0));
    for (Operation &op : body.without_terminator())
      b.clone(op, mapping);
    return llvm::map_to_vector(body.getTerminator()->getOperands(), [&](Value value) { return mapping.lookup(value); });
  }

  KernelBuilder &b;
  const MatmulKernel &kernel;
  const MatmulArguments &arguments;
  const AccumulatorTile &tile;
  ResultWriter write; ///< Null: to memory.
  int64_t width;      ///< Neighbours that are loaded and stored together.
  DenseMap<int64_t, Column> columns;
  SmallVector<Value> scalars;
};
} // namespace

void emitEpilogue(KernelBuilder &b, const MatmulKernel &kernel, const MatmulArguments &arguments, const AccumulatorTile &tile,
                  ResultWriter write) {
  Emitter(b, kernel, arguments, tile, write).emit();
}

} // namespace mlir::lowbit
