#pragma once
// Reads the arrays that the oracles saved: NumPy's .npy, version 1, little-endian, C order.

#include <cstdint>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace tenon_test {

/// The values of tests/data/model/<name>.npy. `T` is float or std::int32_t, as saved. Throws when the file is not that.
template <class T>
std::vector<T> load_npy(const std::string& name) {
  const std::string path = std::string(TENON_TEST_DATA) + "/model/" + name + ".npy";
  std::ifstream file(path, std::ios::binary);
  char head[10] = {};
  if (!file.read(head, sizeof head) || std::memcmp(head, "\x93NUMPY\x01", 7) != 0) throw std::runtime_error(path + " is not a version 1 .npy file");
  std::string header(static_cast<unsigned char>(head[8]) + 256u * static_cast<unsigned char>(head[9]), ' ');
  file.read(header.data(), static_cast<std::streamsize>(header.size()));
  const char* type = std::is_same_v<T, float> ? "'<f4'" : std::is_same_v<T, std::int32_t> ? "'<i4'" : "?";
  if (header.find(type) == std::string::npos || header.find("'fortran_order': False") == std::string::npos)
    throw std::runtime_error(path + " holds another type or order: " + header);
  std::vector<T> values;
  for (T value; file.read(reinterpret_cast<char*>(&value), sizeof value);) values.push_back(value);
  return values;
}

}  // namespace tenon_test
