//===- MomentsFile.cpp - second moments as an .npz ------------------------===//
// Law: moments of another model or of another run of calibration are refused.

#include "lowbit/Arrays/Npy.h"
#include "lowbit/Calibration/Statistics.h"
#include "llvm/Support/FileSystem.h"
#include <cmath>

namespace mlir::lowbit {

std::string getMomentsPath(StringRef statisticsPath) { return (statisticsPath + ".moments.npz").str(); }

namespace {
constexpr StorageType kBytes{'u', 1}, kCount{'u', 8}, kReals{'f', 8};
} // namespace

/// `values`, which stay the caller's, as an array.
template <typename T> static NamedBuffer describe(const Twine &name, StorageType type, ArrayRef<int64_t> shape, ArrayRef<T> values) {
  return {name.str(), {type, SmallVector<int64_t, 4>(shape), const_cast<T *>(values.data())}};
}

static NamedBuffer describeText(const Twine &name, StringRef text) {
  return describe(name, kBytes, {static_cast<int64_t>(text.size())}, ArrayRef<char>(text.data(), text.size()));
}

llvm::Error saveMoments(StringRef statisticsPath, const Statistics &statistics) {
  std::string path = getMomentsPath(statisticsPath);
  SmallVector<NamedBuffer> arrays;
  std::vector<uint64_t> rows;
  rows.reserve(statistics.getSites().size());
  arrays.push_back(describeText("model", statistics.getModel()));
  for (const SiteStatistics &site : statistics.getSites()) {
    if (!site.momentsOf.empty() && site.momentsOf != site.name)
      arrays.push_back(describeText(site.name + "/same", site.momentsOf));
    if (!site.moments)
      continue;
    int64_t channels = site.moments->getNumChannels();
    rows.push_back(site.moments->getNumRows());
    arrays.push_back(describe(site.name + "/rows", kCount, {}, ArrayRef<uint64_t>(rows.back())));
    arrays.push_back(describe(site.name + "/sums", kReals, {channels}, site.moments->getSums()));
    arrays.push_back(describe(site.name + "/products", kReals, {channels, channels}, site.moments->getProducts()));
  }
  if (arrays.size() == 1) // only `model`: what lies there is of an older run
    return llvm::errorCodeToError(llvm::sys::fs::remove(path, /*IgnoreNonExisting=*/true));
  return writeArrays(path, ArrayRef<NamedBuffer>(arrays));
}

static llvm::Expected<std::string> readText(StringRef path, const Twine &name) {
  llvm::Expected<Array> array = readArray(path, name.str());
  if (!array)
    return array.takeError();
  if (!(array->getType() == kBytes) || array->getShape().size() != 1)
    return llvm::createStringError(path + ": array `" + name + "` is no text");
  return std::string(array->getData(), array->getNumBytes());
}

static llvm::Error checkModel(StringRef path, const Statistics &statistics) {
  llvm::Expected<std::string> model = readText(path, "model");
  if (!model)
    return model.takeError();
  if (*model != statistics.getModel())
    return llvm::createStringError(path + ": moments are of another model than the statistics beside them; calibrate again");
  return llvm::Error::success();
}

/// An array of reals of `shape`, all finite.
static llvm::Expected<PagedVector<double>> readReals(StringRef path, const std::string &name, ArrayRef<int64_t> shape) {
  llvm::Expected<Array> array = readArray(path, name);
  if (!array)
    return array.takeError();
  if (!(array->getType() == kReals) || array->getShape() != shape)
    return llvm::createStringError(path + ": array `" + name + "` is " + array->getType().getName() + " of shape " +
                                   formatShape(array->getShape()) + "; expected float64 of shape " + formatShape(shape));
  auto *first = reinterpret_cast<const double *>(array->getData());
  PagedVector<double> values(first, first + array->getNumBytes() / sizeof(double));
  if (!llvm::all_of(values, [](double value) { return std::isfinite(value); }))
    return llvm::createStringError(path + ": array `" + name + "` holds numbers that are not finite; calibrate again");
  return values;
}

llvm::Expected<SecondMoments> readMoments(StringRef statisticsPath, const Statistics &statistics, StringRef site) {
  std::string path = getMomentsPath(statisticsPath);
  if (!llvm::sys::fs::exists(path))
    return llvm::createStringError("the statistics have no second moments (" + path + " is not there)");
  if (llvm::Error error = checkModel(path, statistics))
    return std::move(error);
  std::string source = site.str();
  llvm::Expected<bool> isShared = hasArray(path, source + "/same");
  if (!isShared)
    return isShared.takeError();
  if (*isShared) {
    llvm::Expected<std::string> same = readText(path, source + "/same");
    if (!same)
      return same.takeError();
    source = std::move(*same);
  }
  llvm::Expected<bool> isThere = hasArray(path, source + "/products");
  if (!isThere)
    return isThere.takeError();
  if (!*isThere)
    return llvm::createStringError("the statistics have no second moments of site `" + site + "`");
  llvm::Expected<Array> rows = readArray(path, source + "/rows"), sums = readArray(path, source + "/sums");
  if (!rows || !sums)
    return llvm::joinErrors(rows.takeError(), sums.takeError());
  if (!(rows->getType() == kCount) || !rows->getShape().empty() || sums->getShape().size() != 1)
    return llvm::createStringError(path + ": moments of site `" + source + "` are not those of rows of channels");
  int64_t channels = sums->getShape().front();
  llvm::Expected<PagedVector<double>> sumValues = readReals(path, source + "/sums", {channels});
  if (!sumValues)
    return sumValues.takeError();
  llvm::Expected<PagedVector<double>> products = readReals(path, source + "/products", {channels, channels});
  if (!products)
    return products.takeError();
  SecondMoments moments;
  std::memcpy(&moments.numRows, rows->getData(), sizeof(uint64_t));
  moments.sums.assign(sumValues->begin(), sumValues->end());
  moments.products = std::move(*products);
  return moments;
}

llvm::Error loadMoments(StringRef statisticsPath, Statistics &statistics) {
  std::string path = getMomentsPath(statisticsPath);
  if (!llvm::sys::fs::exists(path))
    return llvm::Error::success();
  if (llvm::Error error = checkModel(path, statistics))
    return error;
  for (SiteStatistics &site : statistics.getSites()) {
    llvm::Expected<bool> isShared = hasArray(path, site.name + "/same"), isThere = hasArray(path, site.name + "/products");
    if (!isShared || !isThere)
      return llvm::joinErrors(isShared.takeError(), isThere.takeError());
    if (*isShared) {
      llvm::Expected<std::string> same = readText(path, site.name + "/same");
      if (!same)
        return same.takeError();
      site.momentsOf = std::move(*same);
    } else if (*isThere) {
      llvm::Expected<SecondMoments> moments = readMoments(statisticsPath, statistics, site.name);
      if (!moments)
        return moments.takeError();
      site.momentsOf = site.name;
      site.moments = std::make_unique<SecondMoments>(std::move(*moments));
    }
  }
  return llvm::Error::success();
}

} // namespace mlir::lowbit
