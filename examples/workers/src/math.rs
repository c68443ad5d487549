//! Ask and wait: `math.calculate`.

use serde::{Deserialize, Serialize};
use underpin_errors::Error;
use underpin_rpc::{Call, Method, Service};
use utoipa::ToSchema;

/// Both sides share this constant. A calculation changes nothing, so a call may be repeated.
pub(crate) const CALCULATE: Method<Calculation, Calculated> = Method::new("math", "calculate").idempotent();

/// What to calculate.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Calculation {
    operation: Operation,
    a: f64,
    /// Not for `sqrt`.
    #[serde(default)]
    b: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Operation {
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
    Sqrt,
}

/// The result.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Calculated {
    result: f64,
    operation: Operation,
}

/// The service `math`. Instances in several processes share the calls.
pub(crate) fn service() -> Service {
    Service::new("math", env!("CARGO_PKG_VERSION"))
        .description("arithmetic")
        .on(&CALCULATE, async |calculation: Calculation, _: Call| calculate(calculation))
}

/// # Errors
/// 400 `DIVISION_BY_ZERO`, `NOT_A_NUMBER`: the caller sees code and text.
fn calculate(Calculation { operation, a, b }: Calculation) -> Result<Calculated, Error> {
    let result = match operation {
        Operation::Add => a + b,
        Operation::Subtract => a - b,
        Operation::Multiply => a * b,
        Operation::Divide if b == 0.0 => {
            return Err(Error::bad_request("division by zero").code("DIVISION_BY_ZERO"));
        }
        Operation::Divide => a / b,
        Operation::Power => a.powf(b),
        Operation::Sqrt => a.sqrt(),
    };
    if result.is_finite() {
        Ok(Calculated { result, operation })
    } else {
        Err(Error::bad_request("the result is no finite number").code("NOT_A_NUMBER"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calculates() {
        for (operation, a, b, result) in [
            (Operation::Add, 10.0, 5.0, 15.0),
            (Operation::Subtract, 10.0, 5.0, 5.0),
            (Operation::Multiply, 10.0, 5.0, 50.0),
            (Operation::Divide, 10.0, 5.0, 2.0),
            (Operation::Power, 2.0, 10.0, 1024.0),
            (Operation::Sqrt, 16.0, 0.0, 4.0),
        ] {
            assert_eq!(calculate(Calculation { operation, a, b }).unwrap(), Calculated { result, operation });
        }
    }

    #[test]
    fn what_has_no_result_is_the_callers_mistake() {
        let code = |operation, a, b| {
            let error = calculate(Calculation { operation, a, b }).unwrap_err();
            (error.http_status(), error.error_code().to_owned())
        };
        assert_eq!(code(Operation::Divide, 1.0, 0.0), (400, "DIVISION_BY_ZERO".to_owned()));
        assert_eq!(code(Operation::Sqrt, -1.0, 0.0), (400, "NOT_A_NUMBER".to_owned()));
    }
}
