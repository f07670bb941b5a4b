//===- Passes.td - what quantization has done, said -----------------------===//

#ifndef LOWBIT_REPORT_PASSES_TD
#define LOWBIT_REPORT_PASSES_TD

include "mlir/Pass/PassBase.td"

def ReportPass : Pass<"lowbit-report", "::mlir::ModuleOp"> {
  let summary = "Write what quantization has done to each site, as JSON";
  let description = [{
    Changes nothing. A row a site: its schemes, bytes of its constants before and after, multiply-accumulates by width, the signal to quantization
    noise of its weight, what each algorithm has done to it or why nothing, and, where it stays float, the reason. With `stats`, the range and the histogram of its activation.
    `lowbit report` makes a page of it.

    ```text
    %r = lowbit.contract … {lowbit.site = "fc"}
    // ==>  a row {"site":"fc","kind":"contract","operands":{"lhs":"…"},"bytes":{"float":256,"quantized":76},"macs":{"8x8":256}, …}
    ```
  }];
  let options = [
    Option<"output", "output", "std::string", /*default=*/"\"-\"", "The file to write; `-` is standard output">,
    Option<"stats", "stats", "std::string", /*default=*/"", "A file of statistics, for ranges and histograms">,
  ];
}

def ListLaunchesPass : Pass<"lowbit-list-launches", "::mlir::ModuleOp"> {
  let summary = "Write what the model launches on a GPU, as JSON";
  let description = [{
    Changes nothing. Compiles a copy for `target` as far as its launches are, and writes them in their order, with the bytes that each reads and
    writes. A buffer counts once in a launch, however often its kernel reads it; of a table that elements are looked up in, as many count as are
    looked up. `lowbit report --target` has the same list.

    ```text
    %r = lowbit.contract … {lowbit.site = "fc"}
    // ==>  {"function":"main","kernel":"matmul_mma_sync_16x32x128x8","site":"fc","blocks":96,"threads":128,"shared_bytes":49152,
    //       "reads":[{"type":"128x384xi8","bytes":49152}, …],"writes":[…],"bytes_read":…,"bytes_written":…}
    ```
  }];
  let options = [
    Option<"target", "target", "std::string", /*default=*/"\"nvptx:sm_90a\"", "The GPU">,
    Option<"output", "output", "std::string", /*default=*/"\"-\"", "The file to write; `-` is standard output">,
  ];
}

#endif
