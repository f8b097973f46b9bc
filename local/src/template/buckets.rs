//! `AWS::S3::Bucket`: its name, its CORS rules, and whether it tells EventBridge of its objects.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-s3-bucket.html>
//!
//! Lifecycle rules are not emulated: nothing expires. Encryption, ownership and the bucket's policy have no local meaning,
//! because every caller is of one account, and whoever is not a function may do anything.

use anyhow::{Result, bail};

use super::{Bucket, CorsRule, document::Resource, intrinsics::Resolver, properties::Properties};

/// The longest `MaxAge` of a CORS rule, which is that of a 32-bit number.
const MAX_AGE_MAX_S: u64 = i32::MAX as u64;

/// Reads an `AWS::S3::Bucket`.
pub(super) fn read(resolver: &Resolver, id: &str, resource: &Resource) -> Result<Bucket> {
    let properties = Properties::of(resolver, id, resource);
    let versioning = properties.within_or_empty("VersioningConfiguration")?.string("Status")?;
    if versioning.is_some_and(|status| status == "Enabled") {
        bail!("{id}: VersioningConfiguration is Enabled, which is not supported locally");
    }
    let notifications = properties.within_or_empty("NotificationConfiguration")?;
    for other in ["LambdaConfigurations", "QueueConfigurations", "TopicConfigurations"] {
        if notifications.value(other)?.is_some() {
            bail!("{}: {other} is not supported locally; use EventBridge", notifications.place());
        }
    }
    let event_bridge = notifications.within("EventBridgeConfiguration")?;
    let notifies = match event_bridge {
        // The property is true unless it is set otherwise.
        Some(event_bridge) => {
            event_bridge.value("EventBridgeEnabled")?.is_none() || event_bridge.flag("EventBridgeEnabled")?
        }
        None => false,
    };
    Ok(Bucket {
        id: id.to_owned(),
        name: resolver.name_of(id, resource)?,
        arn: resolver.attribute_of(id, resource, "Arn")?,
        cors: cors(&properties)?,
        notifies,
    })
}

fn cors(properties: &Properties) -> Result<Vec<CorsRule>> {
    let rule = |rule: Properties| {
        Ok(CorsRule {
            origins: rule.strings("AllowedOrigins")?,
            methods: rule.strings("AllowedMethods")?,
            headers: rule.strings("AllowedHeaders")?,
            exposed: rule.strings("ExposedHeaders")?,
            max_age: rule.seconds("MaxAge", 0, MAX_AGE_MAX_S)?,
        })
    };
    properties.within_or_empty("CorsConfiguration")?.items("CorsRules")?.into_iter().map(rule).collect()
}
