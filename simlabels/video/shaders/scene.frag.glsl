in vec3 on_tile;
in vec3 in_light;
in vec3 in_shade;
in vec3 in_shadow_map;
uniform sampler2DArray tiles;
uniform sampler2DShadow shadow;
out vec4 drawn;

void main() {
#ifdef SHADOW
    vec3 lit = mix(in_shade, in_light, texture(shadow, in_shadow_map));
#else
    vec3 lit = in_light;
#endif
    drawn = vec4(texture(tiles, on_tile).rgb * lit, 1.0);
}
