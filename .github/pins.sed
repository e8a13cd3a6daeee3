# Pins the actions that `maturin generate-ci` names by their tag, and keeps tokens off the disk.
# Used by `make workflow`.
s|^name: CI$|name: Wheels|
s|actions/attest@v4|actions/attest@1e69f48acb82d1966a394da916b4c1698aa569d6 # v4.2.2|
s|actions/download-artifact@v7|actions/download-artifact@37930b1c2abaa49bbe596cd826c3c89aef350131 # v7.0.0|
s|actions/setup-python@v6|actions/setup-python@ece7cb06caefa5fff74198d8649806c4678c61a1 # v6.3.0|
s|actions/upload-artifact@v6|actions/upload-artifact@b7c566a772e6b6bfb58ed0dc250532a479d7789f # v6.0.0|
s|astral-sh/setup-uv@v7|astral-sh/setup-uv@37802adc94f370d6bfd71619e3f0bf239e1f3b78 # v7.6.0|
s|PyO3/maturin-action@v1|PyO3/maturin-action@e83996d129638aa358a18fbd1dfb82f0b0fb5d3b # v1.51.0|
s|^\( *\)- uses: actions/checkout@v6|\1- uses: actions/checkout@d23441a48e516b6c34aea4fa41551a30e30af803 # v6.1.0\
\1  with:\
\1    persist-credentials: false|
