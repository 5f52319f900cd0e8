"""The GLSL of the renderer. All light is linear until `shown`, which ends every fragment."""

from __future__ import annotations

from typing import Final

MOST_LAMPS: Final = 16

_HEAD: Final = "#version 330 core\n"

_LIGHT: Final = """
uniform vec3 u_eye; uniform vec3 u_sun_way; uniform vec3 u_sun; uniform vec3 u_sky; uniform vec3 u_bounce;
uniform vec3 u_horizon; uniform vec3 u_zenith; uniform float u_exposure; uniform float u_haze;
    uniform float u_lamps;
uniform float u_wet; uniform float u_saturation; uniform int u_lamp_count; uniform vec4 u_lamp[MOST_LAMPS];
uniform mat4 u_shadow_matrix; uniform sampler2DShadow u_still_shadow;
    uniform sampler2DShadow u_moving_shadow;

float shade_of(sampler2DShadow map, vec3 p) {
    vec4 q = u_shadow_matrix * vec4(p, 1.0);
    vec3 s = q.xyz * 0.5 + 0.5;
    if (s.x < 0.002 || s.x > 0.998 || s.y < 0.002 || s.y > 0.998 || s.z > 0.999) return 1.0;
    vec2 t = 0.7 / vec2(textureSize(map, 0));
    return 0.25 * (texture(map, s + vec3(t.x, t.y, 0.0)) + texture(map, s + vec3(-t.x, t.y, 0.0))
        + texture(map, s + vec3(t.x, -t.y, 0.0)) + texture(map, s + vec3(-t.x, -t.y, 0.0)));
}
vec3 around(vec3 p, vec3 n) {
    vec3 e = mix(u_bounce, u_sky, n.z * 0.5 + 0.5);
    for (int i = 0; i < u_lamp_count; i++) {
        vec3 to = u_lamp[i].xyz - p; float d2 = dot(to, to); vec3 way = to * inversesqrt(d2);
        float down = clamp(way.z * 1.6, 0.0, 1.0);
        e += vec3(1.0, 0.80, 0.55) * (u_lamp[i].w * u_lamps * down * (0.25 + 0.75 * max(dot(n, way),
            0.0)) / (1.0 + d2 * 0.045));
    }
    return e;
}
vec3 sunlit(vec3 n) { return u_sun * max(dot(n, u_sun_way), 0.0); }
vec3 sky_at(vec3 way) {
    if (way.z < 0.0) return mix(u_horizon, u_bounce * 0.8, clamp(-way.z * 6.0, 0.0, 1.0));
    return mix(u_horizon, u_zenith, pow(clamp(way.z, 0.0, 1.0), 0.55));
}
vec3 hazed(vec3 c, vec3 p) { return mix(u_horizon, c, exp(-distance(p, u_eye) * u_haze)); }
vec3 shown(vec3 c) {
    c *= u_exposure;
    float grey = dot(c, vec3(0.3, 0.59, 0.11));
    c = max(mix(vec3(grey), c, u_saturation), 0.0);
    c = c * (2.51 * 0.6 * c + 0.03) / (c * 0.6 * (2.43 * 0.6 * c + 0.59) + 0.14) * 0.6;
    c = clamp(c * 1.28, 0.0, 1.0);
    return pow(c, vec3(1.0 / 2.2));
}
""".replace("MOST_LAMPS", str(MOST_LAMPS))

STILL_VERTEX: Final = (
    _HEAD
    + """
uniform mat4 u_camera;
in vec3 in_point; in vec3 in_normal; in vec2 in_uv; in float in_layer; in vec3 in_colour;
out vec3 v_point; out vec3 v_normal; out vec2 v_uv; flat out float v_layer; out vec3 v_colour;
void main() {
    v_point = in_point; v_normal = in_normal; v_uv = in_uv; v_layer = in_layer; v_colour = in_colour;
    gl_Position = u_camera * vec4(in_point, 1.0);
}
"""
)

STILL_FRAGMENT: Final = (
    _HEAD
    + _LIGHT
    + """
uniform sampler2DArray u_surfaces;
in vec3 v_point; in vec3 v_normal; in vec2 v_uv; flat in float v_layer; in vec3 v_colour;
layout(location = 0) out vec4 lit; layout(location = 1) out vec4 dull;
void main() {
    vec3 n = normalize(v_normal);
    vec3 colour = v_colour; float glow = v_layer < -1.5 ? 1.0 : 0.0;
    if (v_layer >= 0.0) {
        vec4 texel = texture(u_surfaces, vec3(v_uv, v_layer));
        colour *= pow(texel.rgb, vec3(2.2)); glow = texel.a;
    }
    if (n.z > 0.9 && v_point.z < 0.3) {
        vec3 a = texture(u_surfaces, vec3(v_point.xy / 31.0, 0.0)).rgb;
        vec3 b = texture(u_surfaces, vec3(v_point.yx / 7.3, 0.0)).rgb;
        colour *= (0.35 + a.r * 1.3) * (0.75 + b.r * 0.5) * mix(1.0, 0.55, u_wet);
    }
    vec3 base = colour * around(v_point, n);
    base += colour * glow * (v_layer < -1.5 ? 6.0 : 1.6) * u_lamps;
    if (u_wet > 0.0 && n.z > 0.9) {
        vec3 ray = normalize(v_point - u_eye); vec3 back = reflect(ray, n);
        float f = 0.03 + 0.6 * pow(1.0 - clamp(-ray.z, 0.0, 1.0), 4.0);
        vec3 b = texture(u_surfaces, vec3(v_point.xy / 4.1, 0.0)).rgb;
        float pool = smoothstep(0.44, 0.56, b.r);
        base += sky_at(back) * f * (0.35 + 0.65 * pool) * u_wet;
        for (int i = 0; i < u_lamp_count; i++) {
            vec3 way = normalize(u_lamp[i].xyz - v_point);
            vec2 apart = normalize(way.xy) - normalize(back.xy);
            float streak = exp(-dot(apart, apart) * 420.0) * exp(-abs(way.z - back.z) * 7.0) * 0.6;
            base += vec3(1.0, 0.80, 0.55) * u_lamp[i].w * u_lamps * streak * f * (0.5 + pool) * u_wet;
        }
    }
    float shade = shade_of(u_still_shadow, v_point + n * 0.06);
    lit = vec4(shown(hazed(base + colour * sunlit(n) * shade, v_point)), 1.0);
    dull = vec4(shown(hazed(base, v_point)), 1.0);
}
"""
)

SKY_VERTEX: Final = (
    _HEAD
    + """
uniform mat4 u_back;
in vec2 in_point; out vec3 v_way; out vec2 v_at;
void main() {
    vec4 far = u_back * vec4(in_point, 1.0, 1.0); vec4 near = u_back * vec4(in_point, -1.0, 1.0);
    v_way = far.xyz / far.w - near.xyz / near.w; v_at = in_point * 0.5 + 0.5;
    gl_Position = vec4(in_point, 0.99999, 1.0);
}
"""
)

SKY_FRAGMENT: Final = (
    _HEAD
    + _LIGHT
    + """
in vec3 v_way; in vec2 v_at;
layout(location = 0) out vec4 lit; layout(location = 1) out vec4 dull;
void main() { lit = vec4(shown(sky_at(normalize(v_way))), 1.0); dull = lit; }
"""
)

GROUND_FRAGMENT: Final = (
    _HEAD
    + _LIGHT
    + """
uniform sampler2D u_lit; uniform sampler2D u_dull; uniform sampler2D u_depth; uniform mat4 u_back;
in vec3 v_way; in vec2 v_at;
layout(location = 0) out vec4 colour; layout(location = 1) out uint number;
void main() {
    float depth = texture(u_depth, v_at).r;
    vec3 dull = texture(u_dull, v_at).rgb;
    if (depth < 0.999999 && u_sun.r > 0.05) {
        vec4 p = u_back * vec4(v_at * 2.0 - 1.0, depth * 2.0 - 1.0, 1.0);
        dull = mix(dull, texture(u_lit, v_at).rgb, shade_of(u_moving_shadow, p.xyz / p.w));
    }
    colour = vec4(dull, 1.0); number = 0u; gl_FragDepth = depth;
}
"""
)

PEOPLE_VERTEX: Final = (
    _HEAD
    + """
uniform mat4 u_camera; uniform sampler2D u_points; uniform sampler2D u_normals;
in float in_region; in vec3 in_rest;
in vec3 at; in vec2 turn_scale; in vec3 frames; in uvec4 dress_a; in uvec4 dress_b; in uint dress_c;
    in uint who; in vec4 style;
out vec3 v_point; out vec3 v_normal; out vec3 v_colour; out vec3 v_rest; out float v_cloth;
    flat out vec4 v_style;
flat out uint v_who;
void main() {
    int v = gl_VertexID;
    vec3 p = mix(texelFetch(u_points, ivec2(v, int(frames.x)), 0).xyz, texelFetch(u_points, ivec2(v,
        int(frames.y)), 0).xyz, frames.z);
    vec3 n = texelFetch(u_normals, ivec2(v, int(frames.x)), 0).xyz;
    vec2 ahead = vec2(cos(turn_scale.x), sin(turn_scale.x)); vec2 left = vec2(-ahead.y, ahead.x);
    p *= turn_scale.y;
    v_point = at + vec3(ahead * p.z + left * p.x, p.y);
    v_normal = vec3(ahead * n.z + left * n.x, n.y);
    int r = int(in_region + 0.5);
    uint c = r < 4 ? dress_a[r] : (r < 8 ? dress_b[r - 4] : dress_c);
    v_colour = pow(vec3(float(c & 255u), float((c >> 8) & 255u), float((c >> 16) & 255u)) / 255.0,
        vec3(2.2));
    v_cloth = r == 0 || r == 6 ? 0.0 : (r == 1 || r == 2 ? 1.0 : 0.5);
    v_rest = in_rest; v_style = style; v_who = who;
    gl_Position = u_camera * vec4(v_point, 1.0);
}
"""
)

PEOPLE_FRAGMENT: Final = (
    _HEAD
    + _LIGHT
    + """
in vec3 v_point; in vec3 v_normal; in vec3 v_colour; in vec3 v_rest; in float v_cloth;
    flat in vec4 v_style; flat in uint v_who;
layout(location = 0) out vec4 colour; layout(location = 1) out uint number;
void main() {
    vec3 n = normalize(v_normal); vec3 c = v_colour;
    if (v_cloth > 0.9) {
        if (v_style.x > 0.5 && v_style.x < 1.5) c *= mix(1.0, 0.45, step(0.5, fract(v_rest.y * 9.0)));
        if (v_style.x > 1.5 && v_style.x < 2.5) c = mix(c, vec3(0.65), step(abs(v_rest.y - 1.18), 0.05));
        if (v_style.x > 2.5) c *= 0.7 + 0.6 * step(0.5, fract(v_rest.x * 6.0)) * step(0.5,
            fract(v_rest.y * 6.0));
    }
    float fold = sin(v_rest.y * 31.0 + v_style.y * 9.0 + 4.0 * sin(v_rest.x * 17.0 + v_style.z
        * 7.0)) * sin(v_rest.x * 23.0 + v_rest.z * 19.0);
    c *= 1.0 + 0.16 * fold * step(0.25, v_cloth);
    float low = smoothstep(0.0, 0.9, v_point.z) * 0.3 + 0.7;
    float shade = u_sun.r > 0.05 ? shade_of(u_still_shadow, v_point) * shade_of(u_moving_shadow,
        v_point + n * 0.05 + u_sun_way * 0.08) : 1.0;
    vec3 e = around(v_point, n) * low + sunlit(n) * shade;
    colour = vec4(shown(hazed(c * e, v_point)), 1.0); number = v_who;
}
"""
)

OBJECT_VERTEX: Final = (
    _HEAD
    + """
uniform mat4 u_camera;
in vec3 in_point; in vec3 in_normal; in vec2 in_uv; in float in_layer; in vec3 in_colour;
in vec3 at; in vec3 turn_scale_tilt; in vec3 paint; in uint who;
out vec3 v_point; out vec3 v_normal; out vec2 v_uv; flat out float v_layer; out vec3 v_colour;
    flat out vec3 v_paint; flat out uint v_who;
void main() {
    float c = cos(turn_scale_tilt.x), s = sin(turn_scale_tilt.x), ct = cos(turn_scale_tilt.z),
        st = sin(turn_scale_tilt.z);
    mat3 turn = mat3(c, s, 0.0, -s, c, 0.0, 0.0, 0.0, 1.0);
    mat3 tilt = mat3(ct, 0.0, -st, 0.0, 1.0, 0.0, st, 0.0, ct);
    v_point = at + turn * (tilt * (in_point * turn_scale_tilt.y)); v_normal = turn * (tilt * in_normal);
    v_uv = in_uv; v_layer = in_layer; v_colour = in_colour; v_paint = paint; v_who = who;
    gl_Position = u_camera * vec4(v_point, 1.0);
}
"""
)

OBJECT_FRAGMENT: Final = (
    _HEAD
    + _LIGHT
    + """
uniform sampler2DArray u_sheets;
in vec3 v_point; in vec3 v_normal; in vec2 v_uv; flat in float v_layer; in vec3 v_colour;
    flat in vec3 v_paint; flat in uint v_who;
layout(location = 0) out vec4 colour; layout(location = 1) out uint number;
void main() {
    vec3 n = normalize(v_normal); vec3 ray = normalize(v_point - u_eye);
    if (dot(n, ray) > 0.0) n = -n;
    vec3 c = v_colour; float gloss = 0.0; float glass = 0.0; float lamp = v_layer < -1.5 ? 1.0 : 0.0;
    if (v_colour.r < 0.0) { c = v_paint; gloss = 1.0; }
    if (v_layer >= 0.0) {
        vec4 t = texture(u_sheets, vec3(v_uv, v_layer)); vec3 own = pow(t.rgb, vec3(2.2));
        t.a = texelFetch(u_sheets, ivec3(ivec2(fract(v_uv) * 1023.9), int(v_layer + 0.5)), 0).a;
        if (t.a > 0.75) { c = v_paint * own; gloss = 1.0; }
        else if (t.a > 0.3) { c = own; gloss = 1.0; glass = 1.0; }
        else { c = own; gloss = 0.25; lamp = t.a > 0.08 ? 1.0 : 0.0; }
    }
    float shade = u_sun.r > 0.05 ? shade_of(u_still_shadow, v_point) * shade_of(u_moving_shadow,
        v_point + n * 0.08 + u_sun_way * 0.12) : 1.0;
    float low = smoothstep(-0.1, 0.8, v_point.z) * 0.45 + 0.55;
    vec3 e = around(v_point, n) * low + sunlit(n) * shade;
    vec3 out_colour = c * e;
    if (gloss > 0.0) {
        vec3 back = reflect(ray, n);
        float facing = clamp(dot(-ray, n), 0.0, 1.0);
        float f = mix(0.05, 0.09, glass) + 0.85 * pow(1.0 - facing, 5.0);
        vec3 seen = sky_at(back);
        if (back.z < 0.12) seen = mix(u_bounce * 0.9, seen * 0.45 + u_sky * 0.08, smoothstep(-0.2, 0.12,
            back.z));
        out_colour += seen * f * gloss * mix(0.75, 1.25, glass);
        out_colour += u_sun * shade * gloss * pow(max(dot(back, u_sun_way), 0.0), 180.0) * 1.2;
    }
    out_colour += own_light(c, lamp);
    colour = vec4(shown(hazed(out_colour, v_point)), 1.0); number = v_who;
}
""".replace("own_light(c, lamp)", "c * lamp * (0.15 + 5.0 * u_lamps)")
)

SHADOW_FRAGMENT: Final = _HEAD + "void main() { }\n"

BLOB_VERTEX: Final = (
    _HEAD
    + """
uniform mat4 u_camera;
in vec2 in_corner; in vec4 place; in vec2 turn_dark;
out vec2 v_corner; flat out float v_dark;
void main() {
    float c = cos(turn_dark.x), s = sin(turn_dark.x); vec2 q = in_corner * place.zw;
    v_corner = in_corner; v_dark = turn_dark.y;
    gl_Position = u_camera * vec4(place.xy + vec2(c * q.x - s * q.y, s * q.x + c * q.y), 0.03, 1.0);
}
"""
)

BLOB_FRAGMENT: Final = (
    _HEAD
    + """
in vec2 v_corner; flat in float v_dark; out vec4 colour;
void main() {
    float r = dot(v_corner, v_corner);
    colour = vec4(vec3(1.0 - v_dark * clamp(1.0 - r, 0.0, 1.0) * clamp(1.3 - r, 0.0, 1.0)), 1.0);
}
"""
)
