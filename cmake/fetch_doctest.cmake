# doctest for tenon's own tests: the system's, else fetched.
find_package(doctest 2.4 QUIET)
if(NOT TARGET doctest::doctest)
  include(FetchContent)
  set(DOCTEST_WITH_TESTS OFF)
  set(DOCTEST_NO_INSTALL ON)
  FetchContent_Declare(doctest GIT_REPOSITORY https://github.com/doctest/doctest.git GIT_TAG v2.4.11 GIT_SHALLOW ON SYSTEM)
  FetchContent_MakeAvailable(doctest)
endif()
