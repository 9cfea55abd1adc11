// Original file: proto/millrace/v1/controller.proto


export interface BackupRequest {
}

export interface BackupRequest__Output {
}
