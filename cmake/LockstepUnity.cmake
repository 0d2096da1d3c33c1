# Several files are compiled as one: alone, every file reads the standard library anew, which is
# more than half of a build. OFF compiles each by itself and so finds includes that are missing.
option(LOCKSTEP_UNITY "Compile several files as one" ON)
if(LOCKSTEP_UNITY)
  set(CMAKE_UNITY_BUILD ON)
  set(CMAKE_UNITY_BUILD_BATCH_SIZE 8)
endif()

# lockstep_alone(file...): files of one shape, whose helpers have the same names.
function(lockstep_alone)
  set_source_files_properties(${ARGN} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
endfunction()
