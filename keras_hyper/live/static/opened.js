// Says why the page does not start from a file: browsers load modules and networks from hosts only.
"use strict";

if (location.protocol === "file:")
  document.getElementById("hint").textContent =
    "Expected the address of a host, got a file. Serve this folder, for example by " +
    "python -m http.server --bind 127.0.0.1, and open http://127.0.0.1:8000";
