//! Kinds of sink that this build of the program lacks.

/// Defines the keys of a kind that is not built in: all are passed over, for nobody here knows them, and whoever wants to use
/// such a sink is told the Cargo feature that it takes.
macro_rules! not_built {
    ($config:ident, kind $kind:literal, feature $feature:literal) => {
        #[doc = concat!("The keys of `kind = \"", $kind, "\"`, which this build lacks.")]
        #[derive(Debug, Clone)]
        pub struct $config;

        impl<'de> serde::Deserialize<'de> for $config {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <serde::de::IgnoredAny as serde::Deserialize>::deserialize(deserializer).map(|_| $config)
            }
        }

        impl schemars::JsonSchema for $config {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($config).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "object", "properties": {} })
            }
        }

        impl $config {
            fn refusal(context: &crate::kinds::SinkContext<'_>) -> base::SetupError {
                base::SetupError::usage(format!(
                    concat!(
                        "sink {} is of kind ", $kind, ", which this build of host lacks: build it with the feature `", $feature, "`"
                    ),
                    context.name
                ))
            }
        }

        impl crate::kinds::SinkConfig for $config {
            fn encoding(&self) -> event::Encoding {
                event::Encoding::default()
            }

            fn check(&self, context: &crate::kinds::SinkContext<'_>) -> Result<(), base::SetupError> {
                Err(Self::refusal(context))
            }

            fn build(&self, context: &crate::kinds::BuildContext<'_>) -> Result<Box<dyn crate::Sink>, base::SetupError> {
                Err(Self::refusal(&context.sink))
            }

            fn about(&self, _: &crate::kinds::SinkContext<'_>) -> String {
                concat!($kind, ", which this build lacks").into()
            }

            fn destination(&self, _: &crate::kinds::SinkContext<'_>) -> String {
                $kind.into()
            }
        }
    };
}
pub(super) use not_built;

#[cfg(test)]
mod tests {
    use crate::kinds::SinkConfig as _;
    use crate::kinds::context::with_test_context;

    not_built!(QuillConfig, kind "quill", feature "quill");

    #[test]
    fn a_kind_that_is_not_built_in_takes_any_keys_and_is_refused_with_its_feature() {
        let config: QuillConfig = toml::from_str("url = \"quill://desk\"\ninks = [\"black\", \"red\"]").unwrap();
        let error = with_test_context(|context| config.check(context)).unwrap_err();
        assert_eq!(
            error.message,
            "sink x is of kind quill, which this build of host lacks: build it with the feature `quill`"
        );
        assert_eq!(error.kind, base::ErrorKind::Usage);
    }
}
