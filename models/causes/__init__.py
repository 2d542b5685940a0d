"""Why a shot is odd: words computed from what was measured, and the kind of fault that fits best."""
