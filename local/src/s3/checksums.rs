//! The checksums of objects and parts: computed while the bytes arrive, and compared with those that the caller sent.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html>

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use crc_fast::CrcAlgorithm;
use s3s::{
    S3Result, TrailingHeaders,
    checksum::ChecksumHasher,
    crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Md5, Sha1, Sha256},
    dto::{Checksum, ChecksumAlgorithm, ChecksumType},
    s3_error,
};
use serde::{Deserialize, Serialize};

/// An algorithm; its name in JSON is that of its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Algorithm {
    Crc32,
    Crc32c,
    /// The one of objects that are put without a checksum.
    Crc64nvme,
    Sha1,
    Sha256,
}

/// What the checksum of an object that was uploaded in parts is of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum ChecksumKind {
    /// The bytes.
    #[default]
    FullObject,
    /// The checksums of the parts.
    Composite,
}

/// Checksums in base64, as headers have them, and what they are of.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Checksums {
    pub(super) values: BTreeMap<Algorithm, String>,
    pub(super) kind: ChecksumKind,
}

impl Algorithm {
    const ALL: [Self; 5] = [Self::Crc32, Self::Crc32c, Self::Crc64nvme, Self::Sha1, Self::Sha256];

    /// The algorithm that a request names, which must be one of these.
    pub(super) fn named(name: &ChecksumAlgorithm) -> S3Result<Self> {
        let found = Self::ALL.into_iter().find(|known| known.name().eq_ignore_ascii_case(name.as_str()));
        found.ok_or_else(|| s3_error!(InvalidRequest, "Checksum algorithm provided is unsupported"))
    }

    /// The name in requests and in XML.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Crc32 => ChecksumAlgorithm::CRC32,
            Self::Crc32c => ChecksumAlgorithm::CRC32C,
            Self::Crc64nvme => ChecksumAlgorithm::CRC64NVME,
            Self::Sha1 => ChecksumAlgorithm::SHA1,
            Self::Sha256 => ChecksumAlgorithm::SHA256,
        }
    }

    fn header(self) -> String {
        format!("x-amz-checksum-{}", self.name().to_ascii_lowercase())
    }

    /// The algorithm by which checksums of parts can be combined to that of the whole.
    const fn crc(self) -> Option<CrcAlgorithm> {
        match self {
            Self::Crc32 => Some(CrcAlgorithm::Crc32IsoHdlc),
            Self::Crc32c => Some(CrcAlgorithm::Crc32Iscsi),
            Self::Crc64nvme => Some(CrcAlgorithm::Crc64Nvme),
            Self::Sha1 | Self::Sha256 => None,
        }
    }
}

impl ChecksumKind {
    pub(super) fn named(name: &ChecksumType) -> S3Result<Self> {
        match name.as_str() {
            ChecksumType::FULL_OBJECT => Ok(Self::FullObject),
            ChecksumType::COMPOSITE => Ok(Self::Composite),
            _ => Err(s3_error!(InvalidRequest, "Value for x-amz-checksum-type header is invalid.")),
        }
    }

    /// What the checksums of an upload are of, if the caller does not say.
    pub(super) const fn default_of(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Crc64nvme => Self::FullObject,
            _ => Self::Composite,
        }
    }
}

impl From<ChecksumKind> for ChecksumType {
    fn from(kind: ChecksumKind) -> Self {
        Self::from_static(match kind {
            ChecksumKind::FullObject => Self::FULL_OBJECT,
            ChecksumKind::Composite => Self::COMPOSITE,
        })
    }
}

impl Checksums {
    /// Those that a request has sent.
    pub(super) fn of_request(sent: Checksum) -> Self {
        let values = [
            (Algorithm::Crc32, sent.checksum_crc32),
            (Algorithm::Crc32c, sent.checksum_crc32c),
            (Algorithm::Crc64nvme, sent.checksum_crc64nvme),
            (Algorithm::Sha1, sent.checksum_sha1),
            (Algorithm::Sha256, sent.checksum_sha256),
        ];
        let values = values.into_iter().filter_map(|(algorithm, value)| Some((algorithm, value?))).collect();
        Self { values, kind: ChecksumKind::FullObject }
    }

    /// The checksum by this algorithm.
    pub(super) fn get(&self, algorithm: Algorithm) -> Option<&str> {
        self.values.get(&algorithm).map(String::as_str)
    }

    /// As responses have them.
    pub(super) fn to_response(&self) -> Checksum {
        let get = |algorithm| self.values.get(&algorithm).cloned();
        Checksum {
            checksum_crc32: get(Algorithm::Crc32),
            checksum_crc32c: get(Algorithm::Crc32c),
            checksum_crc64nvme: get(Algorithm::Crc64nvme),
            checksum_sha1: get(Algorithm::Sha1),
            checksum_sha256: get(Algorithm::Sha256),
            checksum_type: (!self.values.is_empty()).then(|| self.kind.into()),
        }
    }
}

/// What the caller says of the bytes that it sends.
#[derive(Default)]
pub(super) struct Claims {
    /// Sent before the bytes.
    pub(super) checksums: Checksums,
    /// Sent behind the bytes; which one that is, is said before.
    pub(super) trailing: Option<(Algorithm, TrailingHeaders)>,
    /// `Content-MD5`.
    pub(super) md5: Option<String>,
    /// The algorithm of an upload, by which each of its parts gets a checksum anyway.
    pub(super) demanded: Option<Algorithm>,
}

/// Computes what is claimed.
pub(super) struct Hasher {
    md5: Md5,
    checksums: ChecksumHasher,
}

impl Hasher {
    /// Computes the checksums that are claimed, or the one that S3 gives to an object for which none is.
    pub(super) fn of(claims: &Claims) -> Self {
        let mut algorithms: Vec<_> = claims.checksums.values.keys().copied().collect();
        algorithms.extend(claims.trailing.as_ref().map(|(algorithm, _)| *algorithm));
        algorithms.extend(claims.demanded);
        if algorithms.is_empty() {
            algorithms.push(Algorithm::Crc64nvme);
        }
        let mut checksums = ChecksumHasher::default();
        for algorithm in algorithms {
            match algorithm {
                Algorithm::Crc32 => checksums.crc32 = Some(Crc32::new()),
                Algorithm::Crc32c => checksums.crc32c = Some(Crc32c::new()),
                Algorithm::Crc64nvme => checksums.crc64nvme = Some(Crc64Nvme::new()),
                Algorithm::Sha1 => checksums.sha1 = Some(Sha1::new()),
                Algorithm::Sha256 => checksums.sha256 = Some(Sha256::new()),
            }
        }
        Self { md5: Md5::new(), checksums }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.md5.update(bytes);
        self.checksums.update(bytes);
    }

    /// The `ETag` and the checksums of all bytes. Fails with `BadDigest` if one is not what was claimed.
    pub(super) fn finish(self, claims: &Claims) -> S3Result<(String, Checksums)> {
        let (md5, computed) = (self.md5.finalize(), Checksums::of_request(self.checksums.finalize()));
        if let Some(claimed) = &claims.md5 {
            let claimed = STANDARD.decode(claimed).ok().filter(|claimed| claimed.len() == md5.as_ref().len());
            let claimed = claimed
                .ok_or_else(|| s3_error!(InvalidDigest, "The Content-MD5 you specified was invalid."))?;
            if claimed != md5.as_ref() {
                return Err(s3_error!(
                    BadDigest,
                    "The Content-MD5 you specified did not match what we received."
                ));
            }
        }
        let mut claimed = claims.checksums.values.clone();
        if let Some((algorithm, trailers)) = &claims.trailing {
            let sent =
                trailers.read(|trailers| trailers.get(algorithm.header())?.to_str().ok().map(str::to_owned));
            let sent = sent.flatten().ok_or_else(|| {
                s3_error!(InvalidRequest, "The trailer that x-amz-trailer names is missing.")
            })?;
            claimed.insert(*algorithm, sent);
        }
        for (algorithm, claimed) in claimed {
            if computed.get(algorithm) != Some(claimed.as_str()) {
                let name = algorithm.name();
                return Err(s3_error!(
                    BadDigest,
                    "The {name} you specified did not match the calculated checksum."
                ));
            }
        }
        Ok((hex::encode(md5), computed))
    }
}

/// Whether an object's checksum by this algorithm can be made of those of its parts.
pub(super) fn is_possible(algorithm: Algorithm, kind: ChecksumKind) -> bool {
    match kind {
        ChecksumKind::FullObject => algorithm.crc().is_some(),
        ChecksumKind::Composite => algorithm != Algorithm::Crc64nvme,
    }
}

/// The checksum of an object by those of its parts and by how many bytes they have.
pub(super) fn of_parts(algorithm: Algorithm, kind: ChecksumKind, parts: &[(&str, u64)]) -> Option<String> {
    let decoded: Vec<Vec<u8>> =
        parts.iter().map(|(checksum, _)| STANDARD.decode(checksum).ok()).collect::<Option<_>>()?;
    if kind == ChecksumKind::Composite {
        let mut hasher = Hasher::of(&Claims { demanded: Some(algorithm), ..Claims::default() });
        for checksum in &decoded {
            hasher.update(checksum);
        }
        let (_, of_all) = hasher.finish(&Claims::default()).ok()?;
        return of_all.get(algorithm).map(|checksum| format!("{checksum}-{}", parts.len()));
    }
    let crc = algorithm.crc()?;
    let number = |bytes: &[u8]| bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let (first, rest) = decoded.split_first()?;
    let combined = rest.iter().zip(&parts[1..]).fold(number(first), |whole, (checksum, (_, bytes))| {
        crc_fast::checksum_combine(crc, whole, number(checksum), *bytes)
    });
    Some(STANDARD.encode(&combined.to_be_bytes()[size_of::<u64>() - first.len()..]))
}

/// The `ETag` of an object that was uploaded in parts with these.
pub(super) fn etag_of_parts<'a>(parts: impl ExactSizeIterator<Item = &'a str>) -> String {
    let (count, mut md5) = (parts.len(), Md5::new());
    for etag in parts {
        md5.update(&hex::decode(etag).unwrap_or_default());
    }
    format!("{}-{count}", hex::encode(md5.finalize()))
}

/// The checksums among the fields of a request.
macro_rules! checksums_of {
    ($request:expr) => {
        $crate::s3::checksums::Checksums::of_request(s3s::dto::Checksum {
            checksum_crc32: $request.checksum_crc32.take(),
            checksum_crc32c: $request.checksum_crc32c.take(),
            checksum_crc64nvme: $request.checksum_crc64nvme.take(),
            checksum_sha1: $request.checksum_sha1.take(),
            checksum_sha256: $request.checksum_sha256.take(),
            checksum_type: None,
        })
    };
}

/// Sets the fields of a response that have checksums, except for their type.
macro_rules! set_checksums {
    ($response:expr, $checksums:expr) => {{
        let checksums: s3s::dto::Checksum = $checksums.to_response();
        $response.checksum_crc32 = checksums.checksum_crc32;
        $response.checksum_crc32c = checksums.checksum_crc32c;
        $response.checksum_crc64nvme = checksums.checksum_crc64nvme;
        $response.checksum_sha1 = checksums.checksum_sha1;
        $response.checksum_sha256 = checksums.checksum_sha256;
        checksums.checksum_type
    }};
}

pub(super) use {checksums_of, set_checksums};

#[cfg(test)]
mod tests {
    use super::*;

    fn hashed(algorithm: Algorithm, bytes: &[u8]) -> String {
        let mut hasher = Hasher::of(&Claims { demanded: Some(algorithm), ..Claims::default() });
        hasher.update(bytes);
        hasher.finish(&Claims::default()).unwrap().1.get(algorithm).unwrap().to_owned()
    }

    #[test]
    fn checksums_are_those_of_aws() {
        // The check values of the CRC catalogue for "123456789", and SHA-256 of nothing.
        assert_eq!(hashed(Algorithm::Crc32, b"123456789"), STANDARD.encode(0xcbf4_3926_u32.to_be_bytes()));
        assert_eq!(hashed(Algorithm::Crc32c, b"123456789"), STANDARD.encode(0xe306_9283_u32.to_be_bytes()));
        let crc64 = 0xae8b_1486_0a79_9888_u64;
        assert_eq!(hashed(Algorithm::Crc64nvme, b"123456789"), STANDARD.encode(crc64.to_be_bytes()));
        assert_eq!(hashed(Algorithm::Sha256, b""), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    }

    #[test]
    fn the_checksum_of_the_whole_is_made_of_those_of_the_parts() {
        let (whole, parts) = (b"1234567890abcdef", [&b"1234567"[..], b"890abc", b"def"]);
        for algorithm in [Algorithm::Crc32, Algorithm::Crc32c, Algorithm::Crc64nvme] {
            let of_parts_: Vec<_> =
                parts.iter().map(|part| (hashed(algorithm, part), part.len() as u64)).collect();
            let borrowed: Vec<_> = of_parts_.iter().map(|(sum, bytes)| (sum.as_str(), *bytes)).collect();
            let combined = of_parts(algorithm, ChecksumKind::FullObject, &borrowed).unwrap();
            assert_eq!(combined, hashed(algorithm, whole), "{algorithm:?}");
        }
        let sum = hashed(Algorithm::Sha256, whole);
        let of_all = hashed(Algorithm::Sha256, &STANDARD.decode(&sum).unwrap());
        let composite = of_parts(Algorithm::Sha256, ChecksumKind::Composite, &[(&sum, 16)]);
        assert_eq!(composite, Some(format!("{of_all}-1")));
        assert_eq!(of_parts(Algorithm::Sha256, ChecksumKind::FullObject, &[(&sum, 16)]), None);
    }

    #[test]
    fn a_wrong_claim_is_refused() {
        let code = |claims: &Claims| {
            let mut hasher = Hasher::of(claims);
            hasher.update(b"bytes");
            hasher.finish(claims).err().map(|error| error.code().as_str().to_owned())
        };
        let of = |algorithm, value: String| Checksums {
            values: [(algorithm, value)].into(),
            ..Checksums::default()
        };
        let right = hashed(Algorithm::Sha256, b"bytes");
        assert_eq!(
            code(&Claims { checksums: of(Algorithm::Sha256, right.clone()), ..Claims::default() }),
            None
        );
        let wrong = Claims { checksums: of(Algorithm::Crc32, right), ..Claims::default() };
        assert_eq!(code(&wrong).as_deref(), Some("BadDigest"));
        let md5 = |text: &str| Claims { md5: Some(text.to_owned()), ..Claims::default() };
        assert_eq!(code(&md5(&STANDARD.encode(Md5::checksum(b"bytes")))), None);
        assert_eq!(code(&md5(&STANDARD.encode(Md5::checksum(b"other")))).as_deref(), Some("BadDigest"));
        assert_eq!(code(&md5("short")).as_deref(), Some("InvalidDigest"));
    }

    #[test]
    fn the_etag_of_parts_has_their_number() {
        let parts = ["0cc175b9c0f1b6a831c399e269772661", "92eb5ffee6ae2fec3ad71c777531578f"];
        let raw: Vec<u8> = parts.iter().flat_map(|part| hex::decode(part).unwrap()).collect();
        assert_eq!(etag_of_parts(parts.into_iter()), format!("{}-2", hex::encode(Md5::checksum(&raw))));
    }
}
