//! Dates that no Rust type can hold. Reading one panics in the driver (`infinity` is such a date), so a row that has one is
//! an error instead of a row.

/// A row that can be read without a panic.
pub(crate) trait Checked: Sized {
    fn checked(self) -> sqlx::Result<Self>;
}

/// SQLite keeps dates as text and numbers, whose conversion returns errors.
#[cfg(feature = "sqlite")]
impl Checked for sqlx::sqlite::SqliteRow {
    fn checked(self) -> sqlx::Result<Self> {
        Ok(self)
    }
}

#[cfg(feature = "postgres")]
mod postgres {
    use std::ops::RangeInclusive;

    use sqlx::{
        Column as _, Row as _, TypeInfo as _, ValueRef as _,
        postgres::{PgRow, PgValueFormat, PgValueRef},
    };

    use super::Checked;

    impl Checked for PgRow {
        fn checked(self) -> sqlx::Result<Self> {
            for (index, column) in self.columns().iter().enumerate() {
                let Some(dates) = Dates::of(column.type_info().name()) else { continue };
                if !dates.fit(&self.try_get_raw(index)?) {
                    return Err(sqlx::Error::ColumnDecode {
                        index: column.name().to_owned(),
                        source: "a date is infinite or outside of the years that can be read".into(),
                    });
                }
            }
            Ok(self)
        }
    }

    /// How a column sends its dates.
    #[derive(Clone, Copy)]
    enum Dates {
        Days,
        Micros,
        /// As elements of an array.
        DaysEach,
        MicrosEach,
    }

    const MICROS_PER_DAY: i64 = 86_400_000_000;

    impl Dates {
        fn of(column_type: &str) -> Option<Self> {
            Some(match column_type {
                "DATE" => Self::Days,
                "TIMESTAMP" | "TIMESTAMPTZ" => Self::Micros,
                "DATE[]" => Self::DaysEach,
                "TIMESTAMP[]" | "TIMESTAMPTZ[]" => Self::MicrosEach,
                _ => return None,
            })
        }

        fn fit(self, value: &PgValueRef<'_>) -> bool {
            if value.is_null() || value.format() != PgValueFormat::Binary {
                return true;
            }
            let Ok(bytes) = value.as_bytes() else { return true };
            match self {
                Self::Days => days_fit(bytes),
                Self::Micros => micros_fit(bytes),
                Self::DaysEach => elements(bytes).flatten().all(days_fit),
                Self::MicrosEach => elements(bytes).flatten().all(micros_fit),
            }
        }
    }

    /// Dates are sent as days since 2000-01-01.
    fn days_fit(bytes: &[u8]) -> bool {
        bytes.try_into().map(i32::from_be_bytes).is_ok_and(|days| bounds().contains(&days.into()))
    }

    /// Timestamps are sent as microseconds since 2000-01-01.
    fn micros_fit(bytes: &[u8]) -> bool {
        let micros = bytes.try_into().map(i64::from_be_bytes);
        micros.is_ok_and(|micros| bounds().contains(&micros.div_euclid(MICROS_PER_DAY)))
    }

    /// The elements of an array, `None` for NULL. Layout: number of dimensions, whether NULLs occur and type of the elements,
    /// of 4 bytes each; length and lower bound of each dimension; length and bytes of each element, -1 for NULL. Source:
    /// `array_send` in PostgreSQL's `arrayfuncs.c`.
    fn elements(bytes: &[u8]) -> impl Iterator<Item = Option<&[u8]>> {
        let number =
            |at: usize| -> Option<i32> { bytes.get(at..at + 4)?.try_into().map(i32::from_be_bytes).ok() };
        let dimensions = number(0).and_then(|count| usize::try_from(count).ok()).unwrap_or_default();
        let mut at = 12 + dimensions.saturating_mul(8);
        std::iter::from_fn(move || {
            let length = number(at)?;
            at += 4;
            let Ok(length) = usize::try_from(length) else { return Some(None) };
            let element = bytes.get(at..at + length)?;
            at += length;
            Some(Some(element))
        })
    }

    /// The days since 2000-01-01 that every date type compiled in can hold, less one at each end for time zones.
    fn bounds() -> RangeInclusive<i64> {
        let all = i64::from(i32::MIN)..=i64::from(i32::MAX);
        [days_of_time(), days_of_chrono()]
            .into_iter()
            .flatten()
            .fold(all, |all, days| *all.start().max(days.start())..=*all.end().min(days.end()))
    }

    #[cfg(feature = "time")]
    #[allow(clippy::unnecessary_wraps, reason = "there is none without the feature")]
    fn days_of_time() -> Option<RangeInclusive<i64>> {
        use sea_orm::prelude::TimeDate;
        /// 2000-01-01.
        const EPOCH: i64 = 2_451_545;
        let day = |date: TimeDate| i64::from(date.to_julian_day()) - EPOCH;
        Some(day(TimeDate::MIN) + 1..=day(TimeDate::MAX) - 1)
    }

    #[cfg(not(feature = "time"))]
    fn days_of_time() -> Option<RangeInclusive<i64>> {
        None
    }

    #[cfg(feature = "chrono")]
    fn days_of_chrono() -> Option<RangeInclusive<i64>> {
        use sea_orm::prelude::ChronoDate;
        let epoch = ChronoDate::from_ymd_opt(2000, 1, 1)?;
        let day = |date: ChronoDate| date.signed_duration_since(epoch).num_days();
        Some(day(ChronoDate::MIN) + 1..=day(ChronoDate::MAX) - 1)
    }

    #[cfg(not(feature = "chrono"))]
    fn days_of_chrono() -> Option<RangeInclusive<i64>> {
        None
    }
}
