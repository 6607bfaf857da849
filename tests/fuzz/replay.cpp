// Feeds kept inputs to a fuzz target: each file of the folders and files named, the empty input, and a few cut-off ones.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

int replayed = 0;

void replay(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  const std::vector<char> bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  // Each input has memory of its own exact size, so that the address sanitizer sees one byte too many.
  for (const std::size_t size : {bytes.size(), bytes.size() / 2, bytes.size() - bytes.size() / 8}) {
    const std::vector<std::uint8_t> exact(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    LLVMFuzzerTestOneInput(exact.data(), exact.size());
  }
  ++replayed;
}

}  // namespace

int main(int count, char** names) {
  LLVMFuzzerTestOneInput(nullptr, 0);
  for (int i = 1; i < count; ++i) {
    if (std::filesystem::is_directory(names[i])) {
      for (const auto& entry : std::filesystem::recursive_directory_iterator(names[i])) {
        if (entry.is_regular_file()) replay(entry.path());
      }
    } else if (std::filesystem::exists(names[i])) {
      replay(names[i]);
    }
  }
  std::printf("%d inputs replayed\n", replayed);
}
