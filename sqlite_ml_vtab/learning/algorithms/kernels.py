"""Support vectors, kernel ridge and Gaussian processes."""

from sqlite_ml_vtab.learning.algorithms.base import Algorithm


def _gaussian_kernel() -> object:
    """Return a scaled RBF with white noise; scikit-learn's own default, a fixed RBF without noise, fits noise."""
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

    return ConstantKernel(1.0) * RBF(1.0) + WhiteKernel(0.1)


KERNELS = {
    "svc": Algorithm(
        doc="Support vector classification; probabilities come with calibrate.",
        family="kernel",
        estimators={"classification": "sklearn.svm:SVC"},
        scale="standard",
    ),
    "nu_svc": Algorithm(
        doc="Support vector classification with a bound on the share of errors.",
        family="kernel",
        estimators={"classification": "sklearn.svm:NuSVC"},
        defaults={"nu": 0.2},
        scale="standard",
    ),
    "svr": Algorithm(
        doc="Support vector regression.",
        family="kernel",
        estimators={"regression": "sklearn.svm:SVR"},
        scale="standard",
    ),
    "nu_svr": Algorithm(
        doc="Support vector regression with a bound on the share of errors.",
        family="kernel",
        estimators={"regression": "sklearn.svm:NuSVR"},
        scale="standard",
    ),
    "kernel_ridge": Algorithm(
        doc="Ridge regression on a kernel, rbf by default.",
        family="kernel",
        estimators={"regression": "sklearn.kernel_ridge:KernelRidge"},
        defaults={"kernel": "rbf", "alpha": 0.1},
        scale="standard",
    ),
    "gaussian_process": Algorithm(
        doc="Gaussian process with a scaled RBF kernel and noise, fitted by marginal likelihood.",
        family="kernel",
        estimators={
            "classification": "sklearn.gaussian_process:GaussianProcessClassifier",
            "regression": "sklearn.gaussian_process:GaussianProcessRegressor",
        },
        task_defaults={
            "regression": {"kernel": lambda rows, width: _gaussian_kernel(), "normalize_y": True},
        },
        scale="standard",
    ),
}
