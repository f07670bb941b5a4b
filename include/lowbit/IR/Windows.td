//===- Windows.td - rows that an op reads of a tensor ---------------------===//

#ifndef LOWBIT_IR_WINDOWS_TD
#define LOWBIT_IR_WINDOWS_TD

include "lowbit/IR/LowbitDialect.td"

def Lowbit_WindowsAttr : Lowbit_Attr<"Windows", "windows"> {
  let summary = "The rows of columns that a convolution multiplies by its weight";
  let description = [{
    `map` goes from the indices of a row and those of a column within it, the last `columns.size()` dimensions, to an element of a tensor.
    There are as many rows as fit: a row index grows as long as the last column lies within the tensor.

    ```mlir
    // Windows of 3x2 places of 4 channels, 2 apart, of which neighbours in a window are 1 and 3 apart
    #windows = #lowbit.windows<[3, 2, 4], (n, y, x, i, j, c) -> (n, y * 2 + i, x * 2 + j * 3, c)>
    ```

    Constraints:
    - (C1) `columns` are positive, with a product of at most 2^20, and `map` has at least as many dimensions, no symbols, and uses each.
    - (C2) every result of `map` is a sum of dimensions with factors that are not negative, at most one of them the index of a row.
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$columns, "::mlir::AffineMap":$map);
  let assemblyFormat = "`<` `[` $columns `]` `,` $map `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Values of a row.
    int64_t getNumColumns() const;
    unsigned getNumRowLoops() const { return getMap().getNumDims() - getColumns().size(); }
    /// Rows along each of their indices in a tensor of `shape`, which is static; none where a column would lie outside of it.
    ::llvm::SmallVector<int64_t> getRows(::llvm::ArrayRef<int64_t> shape) const;
    /// How far apart in a row-major tensor of `shape` neighbours along each dimension of `map` lie.
    ::llvm::SmallVector<int64_t> getStrides(::llvm::ArrayRef<int64_t> shape) const;
  }];
}

#endif
