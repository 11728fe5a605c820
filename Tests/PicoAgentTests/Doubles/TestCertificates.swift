/// A test authority and a certificate of it for service.test, localhost and 127.0.0.1, valid for a hundred years; made by openssl for these tests.
enum TestCertificates {
  static let authority = """
    -----BEGIN CERTIFICATE-----
    MIIBhTCCASugAwIBAgIUO1+EM2sSFvy4hywx4t4rzQI0CbwwCgYIKoZIzj0EAwIw
    FzEVMBMGA1UEAwwMUGljbyB0ZXN0IENBMCAXDTI2MTEyMzA5MDk1NFoYDzIxMjYx
    MDMwMDkwOTU0WjAXMRUwEwYDVQQDDAxQaWNvIHRlc3QgQ0EwWTATBgcqhkjOPQIB
    BggqhkjOPQMBBwNCAATQv6Tfv1TgyUFp2ucp4bdqjDQU0gllsboIzweXBluXMRS8
    +EsbXYfA7EcBgABP6tMun9af9QecKHMi1gxcawgGo1MwUTAdBgNVHQ4EFgQUPEPc
    UTiy8RkSQoiCJZLEMsSuoBwwHwYDVR0jBBgwFoAUPEPcUTiy8RkSQoiCJZLEMsSu
    oBwwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEAs+iUYES9kRuF
    A55dHShoFzr46cNRfkZNObNPp+wSHnsCIAOjMbDZPcixKKu0ys5f/015MxWZNap/
    hROooMZqrDkq
    -----END CERTIFICATE-----
    """

  static let certificate = """
    -----BEGIN CERTIFICATE-----
    MIIBwDCCAWagAwIBAgIUdILr/ry1lQP4O4/IY1Z+d1IppfgwCgYIKoZIzj0EAwIw
    FzEVMBMGA1UEAwwMUGljbyB0ZXN0IENBMCAXDTI2MTEyMzA5MDk1NFoYDzIxMjYx
    MDMwMDkwOTU0WjAXMRUwEwYDVQQDDAxzZXJ2aWNlLnRlc3QwWTATBgcqhkjOPQIB
    BggqhkjOPQMBBwNCAATYM/zei2lxQGJcmzqVbdVswDQpZj9gRa/gA6x7HymSaOnV
    XvTz5Ia63iXCh9bJa81Ri/jGSyoSCp/iIap4syw+o4GNMIGKMCgGA1UdEQQhMB+C
    DHNlcnZpY2UudGVzdIIJbG9jYWxob3N0hwR/AAABMAkGA1UdEwQCMAAwEwYDVR0l
    BAwwCgYIKwYBBQUHAwEwHQYDVR0OBBYEFEEo4WUs1lyLuVFkqYC4mytIyN8IMB8G
    A1UdIwQYMBaAFDxD3FE4svEZEkKIgiWSxDLErqAcMAoGCCqGSM49BAMCA0gAMEUC
    IGx3ysFvPePq2WGUbGMAqYMwkf6lmLZtuYL3FYa7FWb1AiEAoMPJIBcknIJndHn6
    bSW2LEeFBvyoG6XEGStQv/5F4FQ=
    -----END CERTIFICATE-----
    """

  static let key = """
    -----BEGIN PRIVATE KEY-----
    MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgtFzEVP5mg1gnRitm
    lAKMQx8DsxW9+mEeZKevd9HFEZqhRANCAATYM/zei2lxQGJcmzqVbdVswDQpZj9g
    Ra/gA6x7HymSaOnVXvTz5Ia63iXCh9bJa81Ri/jGSyoSCp/iIap4syw+
    -----END PRIVATE KEY-----
    """
}
