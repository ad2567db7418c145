#pragma once
// The routines of LAPACK that dense quadratics need, found when the first one is needed: a program that solves
// none pays nothing for OpenBLAS and its threads.

namespace tessera::math::numeric {

struct Lapack {
  // Column-major; of a symmetric matrix only the triangle uplo ('L' or 'U') is read and written.
  void (*dpotrf)(const char* uplo, const int* n, double* a, const int* lda, int* info);
  void (*dpotrs)(const char* uplo, const int* n, const int* nrhs, const double* a, const int* lda, double* b,
                 const int* ldb, int* info);
  // a, the factor by dpotrf, becomes the inverse of what was factored.
  void (*dpotri)(const char* uplo, const int* n, double* a, const int* lda, int* info);
  void (*dsytrf)(const char* uplo, const int* n, double* a, const int* lda, int* ipiv, double* work, const int* lwork,
                 int* info);
  void (*dsytrs)(const char* uplo, const int* n, const int* nrhs, const double* a, const int* lda, const int* ipiv,
                 double* b, const int* ldb, int* info);
  // c <- alpha op(a) op(b) + beta c
  void (*dgemm)(const char* transa, const char* transb, const int* m, const int* n, const int* k, const double* alpha,
                const double* a, const int* lda, const double* b, const int* ldb, const double* beta, double* c,
                const int* ldc);
};

// From OpenBLAS, else from whatever LAPACK the system has. Throws Error if there is none.
const Lapack& FindLapack();

}  // namespace tessera::math::numeric
