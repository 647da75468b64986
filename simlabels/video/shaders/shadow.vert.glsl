uniform mat4 clip_from_world_of_light;
in vec3 position;

void main() {
    gl_Position = clip_from_world_of_light * vec4(position, 1.0);
}
