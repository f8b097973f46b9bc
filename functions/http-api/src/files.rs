//! Files of conversations: allowing an upload, and reading. The bytes themselves do not pass through here.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{
        HeaderValue, StatusCode,
        header::{LOCATION, X_CONTENT_TYPE_OPTIONS},
    },
    response::{IntoResponse, Response},
};
use funnelcast_core::{
    Error, FileId,
    file::{
        Attachment, FileDraft, FileForm, FileLink, FileQuery, FileReply, PartsDraft, PartsReply, RemovedFile,
        UploadedParts,
    },
};

use crate::{
    Api,
    answer::{ApiError, ApiResult},
    fields::{Body, FilePath, OptionalBody, Query},
    user::{Uploader, User},
};

/// Allows the upload of a file. It costs the check of the user's access, and 1 write.
pub(crate) async fn create(
    State(api): State<Arc<Api>>,
    uploader: Uploader,
    Body(fields): Body,
) -> ApiResult<FileReply> {
    let draft: FileDraft = fields.parse()?;
    let grant = uploader.grant(&api.issuers, &draft.channel).await?;
    let bringer = uploader.as_bringer(grant.as_ref());
    Ok(Json(Box::pin(api.files.create(&api.realtime.access, bringer, draft)).await?))
}

/// Allows the upload of parts of a large file: 1 read.
pub(crate) async fn sign_parts(
    State(api): State<Arc<Api>>,
    uploader: Uploader,
    FilePath(id): FilePath,
    Body(fields): Body,
) -> ApiResult<PartsReply> {
    let draft: PartsDraft = fields.parse()?;
    let bringer = uploader.as_bringer(None);
    Ok(Json(Box::pin(api.files.sign_parts(&api.realtime.access, bringer, &id, draft)).await?))
}

/// Notes that a file has been uploaded: 1 read, and the first time 1 request of S3, 1 write and 1 message of a queue.
pub(crate) async fn complete(
    State(api): State<Arc<Api>>,
    uploader: Uploader,
    FilePath(id): FilePath,
    OptionalBody(fields): OptionalBody<{ UploadedParts::BYTES_MAX }>,
) -> ApiResult<Attachment> {
    let UploadedParts { parts } = fields.parse()?;
    let bringer = uploader.as_bringer(None);
    Ok(Json(Box::pin(api.files.complete(&api.realtime.access, bringer, &id, &parts)).await?))
}

/// Removes a file that no message names: 1 read and 1 write.
pub(crate) async fn remove(
    State(api): State<Arc<Api>>,
    uploader: Uploader,
    FilePath(id): FilePath,
) -> ApiResult<RemovedFile> {
    let bringer = uploader.as_bringer(None);
    Box::pin(api.files.remove(&api.realtime.access, bringer, &id)).await?;
    Ok(Json(RemovedFile { file_id: id }))
}

/// Returns where a file can be read: 1 read, and the check of the user's access.
pub(crate) async fn link(
    State(api): State<Arc<Api>>,
    user: User,
    FilePath(id): FilePath,
    Query(fields): Query,
) -> ApiResult<FileLink> {
    let FileQuery { form } = fields.parse()?;
    Ok(Json(Box::pin(find(&api, &user, &id, form)).await?))
}

/// Leads to a file: 1 read, and the check of the user's access.
pub(crate) async fn read(
    State(api): State<Arc<Api>>,
    user: User,
    FilePath(id): FilePath,
    Query(fields): Query,
) -> Result<Response, ApiError> {
    let FileQuery { form } = fields.parse()?;
    let FileLink { file, url, .. } = Box::pin(find(&api, &user, &id, form)).await?;
    let Some(url) = url else {
        let wrong = if file.state.is_settled() {
            Error::NotFound("the file")
        } else {
            Error::Conflict("the file has not been examined yet; try again".into())
        };
        return Err(wrong.into());
    };
    let url = HeaderValue::try_from(url).map_err(|error| Error::internal("a signed URL", &error))?;
    let headers = [(LOCATION, url), (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"))];
    Ok((StatusCode::FOUND, headers).into_response())
}

/// Finds a file that the user may read. A grant is for the file's conversation, which only the table knows.
async fn find(api: &Api, user: &User, id: &FileId, form: FileForm) -> Result<FileLink, Error> {
    let access = &api.realtime.access;
    let stored = access.table.file(id).await?;
    let grant = match &stored {
        // A grant that is for another conversation must not tell that the file exists.
        Some(stored) => user
            .grant(&api.issuers, &stored.channel)
            .await
            .map_err(|error| if error.is_retryable() { error } else { Error::NotFound("the file") })?,
        None => None,
    };
    api.files.link(access, user.as_caller(grant.as_ref()), stored, form).await
}
