// Original file: proto/millrace/v1/controller.proto


export interface StatusRequest {
}

export interface StatusRequest__Output {
}
