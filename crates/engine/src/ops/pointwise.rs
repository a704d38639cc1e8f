//! Elementwise operations; arguments of different shapes are broadcast as numpy does, aligned at the last axis.
use crate::kernels::loops::{Binary, Unary};
use crate::tensor::{Op, Tensor};

/// The shape that two shapes broadcast to.
fn broadcast_shapes(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let extent = |shape: &[usize], axis: usize| (axis + shape.len()).checked_sub(rank).map_or(1, |i| shape[i]);
    let extents = (0..rank).map(|axis| match (extent(a, axis), extent(b, axis)) {
        (x, y) if x == y => Some(x),
        (1, y) => Some(y),
        (x, 1) => Some(x),
        _ => None,
    });
    extents.collect()
}

#[track_caller]
fn binary(name: &str, op: Binary, a: &Tensor, b: &Tensor) -> Tensor {
    let Some(shape) = broadcast_shapes(a.shape(), b.shape()) else {
        panic!("{name}: shapes {:?} and {:?} do not broadcast", a.shape(), b.shape());
    };
    assert_eq!(a.dtype(), b.dtype(), "{name}: dtypes differ");
    Tensor::derived(
        Op::Binary(op),
        vec![a.broadcast_to(&shape), b.broadcast_to(&shape)],
        shape,
    )
}

/// `a` where `condition` is not 0, `b` elsewhere; all three are broadcast to one shape.
///
/// # Panics
/// Where the shapes do not broadcast.
#[track_caller]
pub fn select(condition: &Tensor, a: &Tensor, b: &Tensor) -> Tensor {
    let shape = broadcast_shapes(a.shape(), b.shape()).and_then(|shape| broadcast_shapes(&shape, condition.shape()));
    let Some(shape) = shape else {
        panic!(
            "select: shapes {:?}, {:?} and {:?} do not broadcast",
            condition.shape(),
            a.shape(),
            b.shape()
        );
    };
    let inputs = [condition, a, b].map(|t| t.broadcast_to(&shape)).to_vec();
    Tensor::derived(Op::Select, inputs, shape)
}

macro_rules! unary_methods {
    ($($(#[$doc:meta])* $method:ident => $op:ident;)*) => {
        impl Tensor {
            $($(#[$doc])*
            pub fn $method(&self) -> Tensor {
                Tensor::derived(Op::Unary(Unary::$op), vec![self.clone()], self.shape().to_vec())
            })*
        }
    };
}

unary_methods! {
    /// |x|
    abs => Abs;
    /// -1, 0 or 1; its derivative is 0.
    sign => Sign;
    /// e to the power of x
    exp => Exp;
    /// Natural logarithm.
    log => Log;
    /// Square root.
    sqrt => Sqrt;
    /// 1 / sqrt(x)
    rsqrt => Rsqrt;
    /// 1 / x
    recip => Recip;
    /// x * x
    square => Square;
    /// Hyperbolic tangent.
    tanh => Tanh;
    /// 1 / (1 + exp(-x))
    sigmoid => Sigmoid;
    /// log(1 + exp(x)), without overflow.
    softplus => Softplus;
    /// Sine of radians.
    sin => Sin;
    /// Cosine of radians.
    cos => Cos;
    /// Largest integer that is not above x; its derivative is 0.
    floor => Floor;
    /// max(x, 0)
    relu => Relu;
}

impl Tensor {
    /// x where positive, `slope * x` elsewhere; `slope` must be positive (the gradient is read off the result's sign).
    ///
    /// # Panics
    /// Where `slope` is not positive.
    #[track_caller]
    pub fn leaky_relu(&self, slope: f64) -> Tensor {
        assert!(slope > 0.0, "leaky_relu: slope {slope} is not positive");
        Tensor::derived(
            Op::LeakyRelu(slope.to_bits()),
            vec![self.clone()],
            self.shape().to_vec(),
        )
    }

    /// x to a constant power.
    pub fn powf(&self, exponent: f64) -> Tensor {
        let exponent = Tensor::full(self.dtype(), self.shape(), exponent);
        binary("powf", Binary::Pow, self, &exponent)
    }

    /// x to the power of another tensor, elementwise; x must not be negative.
    #[track_caller]
    pub fn pow(&self, exponent: &Tensor) -> Tensor {
        binary("pow", Binary::Pow, self, exponent)
    }

    /// The larger of two, elementwise; where equal, the gradient goes to `self`.
    #[track_caller]
    pub fn maximum(&self, other: &Tensor) -> Tensor {
        binary("maximum", Binary::Max, self, other)
    }

    /// The smaller of two, elementwise; where equal, the gradient goes to `self`.
    #[track_caller]
    pub fn minimum(&self, other: &Tensor) -> Tensor {
        binary("minimum", Binary::Min, self, other)
    }

    /// x held between two numbers.
    pub fn clamp(&self, low: f64, high: f64) -> Tensor {
        let [low, high] = [low, high].map(|bound| Tensor::full(self.dtype(), self.shape(), bound));
        self.maximum(&low).minimum(&high)
    }

    /// 1 where `self < other`, 0 elsewhere.
    #[track_caller]
    pub fn lt(&self, other: &Tensor) -> Tensor {
        binary("lt", Binary::Lt, self, other)
    }

    /// 1 where `self <= other`, 0 elsewhere.
    #[track_caller]
    pub fn le(&self, other: &Tensor) -> Tensor {
        binary("le", Binary::Le, self, other)
    }

    /// 1 where `self > other`, 0 elsewhere.
    #[track_caller]
    pub fn gt(&self, other: &Tensor) -> Tensor {
        binary("gt", Binary::Lt, other, self)
    }

    /// 1 where `self >= other`, 0 elsewhere.
    #[track_caller]
    pub fn ge(&self, other: &Tensor) -> Tensor {
        binary("ge", Binary::Le, other, self)
    }

    /// 1 where the two are equal, 0 elsewhere.
    #[track_caller]
    pub fn equals(&self, other: &Tensor) -> Tensor {
        binary("equals", Binary::Eq, self, other)
    }

    /// 1 where x is above 0, 0 elsewhere.
    pub fn positive(&self) -> Tensor {
        self.gt(&self.zeros_like())
    }

    /// The same value, through which `grad` does not pass.
    pub fn detach(&self) -> Tensor {
        Tensor::derived(Op::Detach, vec![self.clone()], self.shape().to_vec())
    }

    /// The rows of the identity matrix that the class numbers in this tensor name: shape `[.., classes]`.
    pub fn one_hot(&self, classes: usize) -> Tensor {
        let mut shape = self.shape().to_vec();
        shape.push(1);
        self.reshape(&shape).equals(&Tensor::arange(self.dtype(), classes))
    }
}

macro_rules! operators {
    ($($trait:ident $method:ident $op:ident;)*) => {$(
        impl std::ops::$trait<&Tensor> for &Tensor {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, other: &Tensor) -> Tensor {
                binary(stringify!($method), Binary::$op, self, other)
            }
        }
        impl std::ops::$trait<Tensor> for &Tensor {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, other: Tensor) -> Tensor {
                binary(stringify!($method), Binary::$op, self, &other)
            }
        }
        impl std::ops::$trait<&Tensor> for Tensor {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, other: &Tensor) -> Tensor {
                binary(stringify!($method), Binary::$op, &self, other)
            }
        }
        impl std::ops::$trait<Tensor> for Tensor {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, other: Tensor) -> Tensor {
                binary(stringify!($method), Binary::$op, &self, &other)
            }
        }
        impl std::ops::$trait<f64> for &Tensor {
            type Output = Tensor;
            fn $method(self, other: f64) -> Tensor {
                binary(stringify!($method), Binary::$op, self, &Tensor::full(self.dtype(), self.shape(), other))
            }
        }
        impl std::ops::$trait<f64> for Tensor {
            type Output = Tensor;
            fn $method(self, other: f64) -> Tensor {
                std::ops::$trait::$method(&self, other)
            }
        }
        impl std::ops::$trait<&Tensor> for f64 {
            type Output = Tensor;
            fn $method(self, other: &Tensor) -> Tensor {
                binary(stringify!($method), Binary::$op, &Tensor::full(other.dtype(), other.shape(), self), other)
            }
        }
        impl std::ops::$trait<Tensor> for f64 {
            type Output = Tensor;
            fn $method(self, other: Tensor) -> Tensor {
                std::ops::$trait::$method(self, &other)
            }
        }
    )*};
}

operators! {
    Add add Add;
    Sub sub Sub;
    Mul mul Mul;
    Div div Div;
}

impl std::ops::Neg for &Tensor {
    type Output = Tensor;
    fn neg(self) -> Tensor {
        Tensor::derived(Op::Unary(Unary::Neg), vec![self.clone()], self.shape().to_vec())
    }
}

impl std::ops::Neg for Tensor {
    type Output = Tensor;
    fn neg(self) -> Tensor {
        -&self
    }
}
