# tessera_cuda: the kernels for Hopper GPUs. wgmma and setmaxnreg need the sm_90a target, which is not forward compatible.
file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tessera/kernels/cuda/*.cu)
add_library(tessera_cuda STATIC ${sources})
target_compile_options(tessera_cuda PRIVATE
  $<$<COMPILE_LANGUAGE:CUDA>:-gencode=arch=compute_90a,code=sm_90a --expt-relaxed-constexpr -lineinfo>)
# nvcc cannot check fmt's texts while it compiles.
target_compile_definitions(tessera_cuda PRIVATE "$<$<COMPILE_LANGUAGE:CUDA>:FMT_CONSTEVAL=;FMT_USE_CONSTEXPR=1>")
set_target_properties(tessera_cuda PROPERTIES CUDA_ARCHITECTURES OFF POSITION_INDEPENDENT_CODE ON)
target_link_libraries(tessera_cuda PUBLIC tessera_kernels CUDA::cublasLt)
