// main of a program of tests that needs a device: without one they are skipped, and it says so. For files that say before: `device`.
#include <cstdio>

int main(int count, char** words) {
  try {
    device{0};
  } catch (const tenon::error& e) {
    std::printf("skipped: no device: %s\n", e.what());
    return 77;
  }
  return doctest::Context(count, words).run();
}
