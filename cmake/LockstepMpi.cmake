# Sweeps over MPI ranks: a module beside the program, which loads it where ranks were started. It is
# made where MPI is found; the program is the same without.
option(LOCKSTEP_MPI "Build the module for MPI where MPI is found" ON)
if(LOCKSTEP_MPI)
  find_package(MPI COMPONENTS CXX)
endif()
if(LOCKSTEP_MPI AND MPI_CXX_FOUND)
  add_library(lockstep_mpi MODULE apps/mpi/mpi_module.cpp)
  set_target_properties(lockstep_mpi PROPERTIES PREFIX "" OUTPUT_NAME "lockstep-mpi"
    LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}")
  target_include_directories(lockstep_mpi PRIVATE src)
  target_compile_definitions(lockstep_mpi PRIVATE OMPI_SKIP_MPICXX MPICH_SKIP_MPICXX)
  # MPI's constants are casts in macros.
  target_compile_options(lockstep_mpi PRIVATE -Wno-old-style-cast)
  target_link_libraries(lockstep_mpi PRIVATE lockstep_flags MPI::MPI_CXX)
  install(TARGETS lockstep_mpi LIBRARY DESTINATION lib/lockstep)
endif()
